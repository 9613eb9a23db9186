/** What tests share: a virtual clock, repeatable randomness and scripted peers. Imported by tests and simulations only. */

export { startTestDatabase, type TestDatabase } from "./database.ts";
export { type ModelRuns, modelRuns, modelTimeout } from "./model-runs.ts";
export * from "./peers/index.ts";
export { Prng } from "./prng.ts";
export {
  type ReceivedFrame,
  ScriptError,
  ScriptedMiner,
  type ServerFields,
  type ServerMessage,
  serverMessages,
} from "./scripted-miner.ts";
export { ScriptedJobs } from "./scripted-miner-jobs.ts";
export { ScriptedPool, type ScriptedPoolOptions } from "./scripted-miner-pool.ts";
export { VirtualClock, VirtualClockError } from "./virtual-clock.ts";
export { seededRandom } from "./virtual-clock-random.ts";
