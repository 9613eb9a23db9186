import type { Clock } from "@lode/ports";

/** One reading of both clocks. Taken once per batch of input and handed down, so that a batch is judged at one time. */
export interface Instant {
  /** Wall clock, milliseconds since the Unix epoch: for ntime and for records. May step. */
  readonly wall: number;
  /** Monotonic milliseconds: for ages and rates. Never goes back. */
  readonly monotonic: number;
}

/** Reads both clocks. */
export function instantOf(clock: Pick<Clock, "now" | "monotonic">): Instant {
  return { wall: clock.now(), monotonic: clock.monotonic() };
}
