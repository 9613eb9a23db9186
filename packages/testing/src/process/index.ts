/** Processes that tests start: the lode command, a pool, programs of others, and entries that answer requests. */
export { EntryProcess, serve } from "./entry-process.ts";
export { freePort } from "./free-port.ts";
export { checkout, type Ended, lodeMain, runLode, setArguments, startLode } from "./lode-process.ts";
export { accepts, isReady, PoolProcess, type PoolProcessOptions } from "./pool-process.ts";
export { type ProcessOptions, RunningProcess } from "./running-process.ts";
export { type TemporaryFolder, temporaryFolder } from "./temporary-folder.ts";
