/** A mining server on a virtual clock with everything around it scripted, and a client that keeps what it is sent. */
export { ScriptedJobs } from "./scripted-jobs.ts";
export {
  type ReceivedFrame,
  ScriptError,
  ScriptedMiner,
  type ServerFields,
  type ServerMessage,
  serverMessages,
} from "./scripted-miner.ts";
export { ScriptedPool, type ScriptedPoolOptions } from "./scripted-pool.ts";
export { SOLO_POOL_SCRIPT, soloDeps } from "./solo.ts";
