import type { BookedChannel } from "./share-book.ts";
import type { TallyReading } from "./tally.ts";

/** What the honest miners' process is asked. */
export type HonestRequest =
  /** Connect everybody; answered when all have jobs. */
  | {
      readonly kind: "gather";
      readonly port: number;
      readonly authorityKey: Uint8Array;
      readonly address: string;
      readonly connections: number;
      readonly seed: number;
      readonly newcomerMs: number;
      readonly probeMs: number;
    }
  /** Begin to count anew. */
  | { readonly kind: "begin" }
  | { readonly kind: "read" }
  /** Mine no more, wait for answers, and tell what was acknowledged. */
  | { readonly kind: "rest" };

/** What it answers. */
export interface HonestReply {
  readonly tally: TallyReading;
  readonly channels: number;
  /** Acknowledged since the start. */
  readonly acknowledged: number;
  /** 99th percentile of the delay of the process's own event loop since the last answer, milliseconds. */
  readonly loopP99Ms: number;
  readonly rssMb: number;
  /** Only to `rest`. */
  readonly book?: readonly BookedChannel[];
  readonly unanswered?: number;
}
