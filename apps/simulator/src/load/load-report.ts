import { LatencyHistogram, type LatencySummary } from "./latency-histogram.ts";

/** What one stretch of load came to. */
export interface LoadReport {
  /** Length of the stretch, without the wait for the last answers. */
  readonly seconds: number;
  readonly sent: number;
  readonly accepted: number;
  readonly rejected: number;
  /** Sent and without an answer at the end: lost, or the server took too long. */
  readonly unanswered: number;
  /** Shares that were due while too many others of their connection waited already; they were not sent. */
  readonly skipped: number;
  /** Answers that do not add up with what was sent. */
  readonly miscounted: number;
  /** Connections that ended. */
  readonly lost: number;
  /** The latest error code of a refused share; empty when there was none. */
  readonly lastErrorCode: string;
  /** From the moment a share was due to its answer. */
  readonly latency: LatencySummary;
  /** CPU time of the generator's process, user and system, seconds. */
  readonly cpuSeconds: number;
  /** Part of the stretch in which the generator's event loop was busy, 0 to 1: near 1 it is the bottleneck itself. */
  readonly busy: number;
}

/** Counts of one stretch, shared by all its streams. */
export class LoadTally {
  sent = 0;
  accepted = 0;
  rejected = 0;
  skipped = 0;
  miscounted = 0;
  lastErrorCode = "";
  readonly latency = new LatencyHistogram();
}
