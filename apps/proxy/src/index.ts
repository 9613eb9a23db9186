/** The proxy: Stratum V1 miners in front, Stratum V2 pools behind. */
export { checkProxy } from "./check-proxy.ts";
export { type ProxyConfig, proxySchema } from "./config.ts";
export type { MinerStatus } from "./miner/miner-status.ts";
export { MiningProxy, type ProxyDeps, type ProxySettings, type ProxyStatus } from "./mining-proxy.ts";
export { type ProxyServer, proxyConnections, startProxy } from "./proxy-server.ts";
