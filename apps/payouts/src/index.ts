export { checkPayouts } from "./check-payouts.ts";
export { type PayoutsConfig, payoutsSchema } from "./config.ts";
export { LeadingLoop } from "./leading-loop.ts";
export { bookMetrics, type Payouts, payoutsConnections, startPayouts } from "./payouts.ts";
