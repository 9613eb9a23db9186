/** Connections without sockets, for tests and the simulation. */
export { type MemoryFault, type MemoryPairOptions, memoryPair } from "./memory-pair.ts";
