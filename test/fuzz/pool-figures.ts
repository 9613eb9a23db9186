import { pause } from "../chaos/free-port.ts";
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
export async function poolFigures({ pool, adminPort }: PoolWorld): Promise<PoolFigures> {
  if (!pool.running) return NOTHING;
  for (const deadline = Date.now() + SETTLE_MS; Date.now() < deadline; await pause(200)) {
    if (sumOf(await scrape(adminPort), "lode_connections") <= HONEST_CONNECTIONS) break;
  }
  await pause(1_000);
  pool.signal("SIGUSR2");
  await pause(500);
  const text = await scrape(adminPort);
  const bytes = sumOf(text, "nodejs_heap_size_used_bytes") + sumOf(text, "nodejs_external_memory_bytes");
  if (bytes === 0) throw new Error("the pool's metrics name no heap");
  return {
    heapKb: Math.round(bytes / 1024),
    exceptions: sumOf(text, "lode_session_exceptions_total"),
    malformed: sumOf(text, "lode_messages_malformed_total"),
    discarded: sumOf(text, "lode_messages_discarded_total"),
    handshakes: sumOf(text, "lode_handshakes_total"),
    failedHandshakes: sumOf(text, "lode_handshake_failures_total"),
  };
}

async function scrape(port: number): Promise<string> {
  return (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
}

/** Sum over the label sets of one metric. */
function sumOf(text: string, name: string): number {
  return text
    .split("\n")
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}
