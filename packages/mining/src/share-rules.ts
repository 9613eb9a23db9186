import type { Instant } from "./instant.ts";
import type { ChannelJob, JobTable } from "./job-table.ts";
import { type ShareErrorCode, type ShareSubmission, type ShareVerdict, shareErrors } from "./share.ts";

/** Version bits a miner may change (BIP323). */
export const VERSION_ROLLING_MASK = 0x1fff_ffe0;
/** How far ahead of the node's clock a header may be (Bitcoin Core's MAX_FUTURE_BLOCK_TIME), seconds. */
export const MAX_FUTURE_NTIME = 7_200;

/**
 * The checks behind the hash, in order: extension fields, stale, version bits, ntime, target, duplicate. Remembers nothing; for a share that
 * is good, the table makes room, which may cost it its oldest jobs.
 *
 * @param known the job the share names
 * @param hash its header's hash
 * @param meetsTarget whether the hash is at or under the target bound to the job
 * @returns undefined when the share is to be accepted
 */
export function refusal(
  known: ChannelJob,
  submission: ShareSubmission,
  now: Instant,
  hash: Uint8Array,
  meetsTarget: boolean,
  jobs: JobTable,
): ShareErrorCode | undefined {
  const { job } = known;
  if (submission.worker === null) return shareErrors.extensionFields;
  if (jobs.isStale(known)) return shareErrors.stale;
  if (((submission.version ^ job.version) & ~VERSION_ROLLING_MASK) !== 0) return shareErrors.versionBits;
  // SV2 5.3.11 and 5.3.15; the upper end is the network's own, as clients' clocks are.
  if (submission.ntime < jobs.lowestNtime) return shareErrors.ntime;
  // The job's own time comes from the node's clock, which decides about the block and may be ahead of ours.
  const clock = Math.max(Math.floor(now.wall / 1000), job.minNtime);
  if (submission.ntime > clock + MAX_FUTURE_NTIME) return shareErrors.ntime;
  if (!meetsTarget) return shareErrors.aboveTarget;
  if (known.seen?.has(hash)) return shareErrors.duplicate;
  if (!jobs.makeRoom(known)) return shareErrors.tooMany;
  return undefined;
}

type Refused = Extract<ShareVerdict, { accepted: false }>;

const refusals = new Map<ShareErrorCode, Refused>(
  Object.values(shareErrors).map((code) => [
    code,
    Object.freeze({ accepted: false, code, block: undefined }),
  ]),
);

/** The verdict of a refused share without a block. One object per code: refusing costs no memory. */
export function refused(code: ShareErrorCode): Refused {
  return refusals.get(code)!;
}
