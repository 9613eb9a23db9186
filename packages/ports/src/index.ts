/**
 * The ports of the core. Packages never touch the clock, randomness, a logger or a metrics registry directly: they take
 * these interfaces, so that the whole pool runs the same on a virtual clock, with seeded randomness and planted faults.
 */
export type { Clock, Timer } from "./clock.ts";
export { systemClock } from "./clock.ts";
export { DependencyError, type DependencyErrorType } from "./dependency-error.ts";
export { CodedError } from "./errors.ts";
export { FailureLog, type FailureLogOptions } from "./failure-log.ts";
export { type LogThrottleOptions, type ThrottledLogger, throttledLogger } from "./log-throttle.ts";
export type { Logger } from "./logger.ts";
export { silentLogger } from "./logger.ts";
export type { Counter, Gauge, Histogram, Metrics } from "./metrics.ts";
export { noMetrics } from "./metrics.ts";
export type { Random } from "./random.ts";
export { systemRandom } from "./random.ts";
export { type Rate, TokenBucket } from "./token-bucket.ts";
export { type WaitOptions, waitFor } from "./wait-for.ts";
export { DeadlineExceeded, within } from "./within.ts";
