import { native } from "@lode/native";
import { type ActiveJob, type ClientShare, headerOf } from "@lode/roles";

const NONCE_OFFSET = 76;
const NONCES = 2 ** 32;

/** Tries the nonces of one header of a job, one after another. */
export class NonceSearch {
  readonly #job: ActiveJob;
  readonly #header: Uint8Array;
  readonly #view: DataView;
  readonly #share: Omit<ClientShare, "nonce">;
  #nonce = 0;

  /**
   * @param extranonce bytes behind the channel's prefix; empty on a standard channel
   * @param ntime header time, seconds
   */
  constructor(job: ActiveJob, extranonce: Uint8Array, ntime: number) {
    const { jobId, version, work } = job;
    this.#job = job;
    this.#header = headerOf(job, { extranonce, version, ntime, nonce: 0 });
    this.#view = new DataView(this.#header.buffer, this.#header.byteOffset);
    this.#share = { jobId, version, ntime, ...(work.kind === "extended" && { extranonce }) };
  }

  get job(): ActiveJob {
    return this.#job;
  }

  /** All nonces were tried: another extranonce or time is needed. */
  get exhausted(): boolean {
    return this.#nonce === NONCES;
  }

  /** Tries at most `count` nonces and stops at the first that meets the job's target. */
  try(count: number): { tried: number; share: ClientShare | undefined } {
    const first = this.#nonce;
    const end = Math.min(first + count, NONCES);
    while (this.#nonce < end) {
      const nonce = this.#nonce++;
      this.#view.setUint32(NONCE_OFFSET, nonce, true);
      if (isAtMost(native.sha256d(this.#header), this.#job.target)) {
        return { tried: this.#nonce - first, share: { ...this.#share, nonce } };
      }
    }
    return { tried: end - first, share: undefined };
  }
}

/** hash ≤ target, both 32 bytes, little-endian. */
function isAtMost(hash: Uint8Array, target: Uint8Array): boolean {
  for (let at = 31; at >= 0; at--) {
    const difference = (hash[at] as number) - (target[at] as number);
    if (difference !== 0) return difference < 0;
  }
  return true;
}
