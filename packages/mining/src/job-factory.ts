import type { Native } from "@lode/native";
import type { Clock, Random } from "@lode/ports";
import type { MiningJob, Template, Tip } from "./job.ts";

/** Longest pool tag, bytes. */
export const MAX_TAG_LENGTH = 60;

/** Turns templates into jobs. */
export class JobFactory {
  constructor(_options: {
    native: Pick<Native, "createJob">;
    tag: Uint8Array;
    payoutScript: Uint8Array;
    random: Random;
    clock: Pick<Clock, "now">;
  }) {}
  /** A job with a serial of its own; twice from the same template gives different work. */
  build(_template: Template, _tip: Tip, _minNtime: number): MiningJob {
    throw new Error("not yet");
  }
}
