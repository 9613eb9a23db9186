import { setTimeout as pause } from "node:timers/promises";
import type { PoolWorld } from "../chaos/pool-world.ts";

/** What the pool's /metrics say after a garbage collection. */
export interface PoolFigures {
  /** Heap and what is outside of it but held by it, kilobytes. */
  readonly heapKb: number;
  readonly exceptions: number;
  readonly malformed: number;
  /** Frames of unknown type. */
  readonly discarded: number;
  readonly handshakes: number;
  readonly failedHandshakes: number;
}

const NOTHING: PoolFigures = {
  heapKb: 0,
  exceptions: 0,
  malformed: 0,
  discarded: 0,
  handshakes: 0,
  failedHandshakes: 0,
};
const SETTLE_MS = 12_000;
const HONEST_CONNECTIONS = 4;

/** Waits until the attackers' sockets are gone, lets the pool collect its garbage, and reads. */
export async function poolFigures({ pool }: PoolWorld): Promise<PoolFigures> {
  if (!pool.running) return NOTHING;
  for (const deadline = Date.now() + SETTLE_MS; Date.now() < deadline; await pause(200)) {
    if ((await pool.metrics()).sum("lode_connections") <= HONEST_CONNECTIONS) break;
  }
  await pause(1_000);
  pool.signal("SIGUSR2");
  await pause(500);
  const page = await pool.metrics();
  const bytes = page.sum("nodejs_heap_size_used_bytes") + page.sum("nodejs_external_memory_bytes");
  if (bytes === 0) throw new Error("the pool's metrics name no heap");
  return {
    heapKb: Math.round(bytes / 1024),
    exceptions: page.sum("lode_session_exceptions_total"),
    malformed: page.sum("lode_messages_malformed_total"),
    discarded: page.sum("lode_messages_discarded_total"),
    handshakes: page.sum("lode_handshakes_total"),
    failedHandshakes: page.sum("lode_handshake_failures_total"),
  };
}
