/** Load on a pool: a generator of shares without hashing for measurements, and miners that hash for demonstrations. */
export { LatencyHistogram, type LatencySummary } from "./load/latency-histogram.ts";
export { type Load, type LoadOptions, type LoadTarget, startLoad } from "./load/load.ts";
export type { LoadReport } from "./load/load-report.ts";
export { LoadError } from "./load/share-stream.ts";
export { LoadProcessError, type RemoteLoad, spawnLoad } from "./load/spawn-load.ts";
export type { StormReport } from "./load/storm.ts";
export type { UsedTime } from "./load/used-time.ts";
export { type Arrivals, STAMP_MASK, systemMs } from "./load/work-watch.ts";
export { type CpuMiner, startCpuMiner } from "./miners/cpu-miner.ts";
export {
  MAX_IDENTITY,
  minerIdentity,
  runSimulator,
  type Simulator,
  type SimulatorOptions,
  type SimulatorStatus,
} from "./miners/simulator.ts";
