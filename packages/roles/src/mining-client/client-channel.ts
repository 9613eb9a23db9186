import type { ActiveJob, ReceivedJob } from "./client-job.ts";

/** What a server did that the spec does not allow and that makes known clients leave. */
export type ServerViolation =
  /** A message for a channel or group that does not exist. */
  | "unknown-channel"
  /** SetNewPrevHash names a job that did not come as a future job (SV2 5.3.17). */
  | "unknown-future-job"
  /** A job to mine on at once, before any SetNewPrevHash (SV2 5.3.15). */
  | "job-before-prev-hash"
  /** A min_ntime below an earlier one of the same prev_hash. */
  | "min-ntime-decreased"
  /** NewExtendedMiningJob to a standard channel by its own id, or NewMiningJob to an extended one (SV2 5.3.15, 5.3.16). */
  | "wrong-kind-of-job";

/** Future jobs a client keeps; a server has no reason for more than a few. */
const MAX_FUTURE_JOBS = 16;

/** A channel as the client knows it. */
export class ClientChannel {
  readonly id: number;
  readonly kind: "standard" | "extended";
  /** Bytes behind the prefix for the client to choose; 0 for a standard channel. */
  readonly extranonceSize: number;
  /** User it was opened for. */
  readonly userIdentity: string;
  groupChannelId: number;
  extranoncePrefix: Uint8Array;
  /** Of jobs to come: 32 bytes, little-endian. */
  target: Uint8Array;
  readonly #future = new Map<number, ReceivedJob>();
  #tip: { readonly prevHash: Uint8Array; readonly nbits: number; readonly minNtime: number } | undefined;
  #job: ActiveJob | undefined;
  #nextSequenceNumber = 0;

  constructor(
    fields: Pick<
      ClientChannel,
      "id" | "kind" | "extranonceSize" | "userIdentity" | "groupChannelId" | "extranoncePrefix" | "target"
    >,
  ) {
    this.id = fields.id;
    this.kind = fields.kind;
    this.extranonceSize = fields.extranonceSize;
    this.userIdentity = fields.userIdentity;
    this.groupChannelId = fields.groupChannelId;
    this.extranoncePrefix = fields.extranoncePrefix;
    this.target = fields.target;
  }

  /** The job to mine on, undefined before the first. */
  get job(): ActiveJob | undefined {
    return this.#job;
  }

  /** Sequence number for the next share: 0, 1, 2, … */
  takeSequenceNumber(): number {
    const number = this.#nextSequenceNumber;
    this.#nextSequenceNumber = (number + 1) >>> 0;
    return number;
  }

  /** Keeps a future job (`minNtime` null), or makes it the one to mine on. */
  addJob(job: ReceivedJob, minNtime: number | null): ServerViolation | undefined {
    if (minNtime === null) {
      this.#future.set(job.jobId, job);
      if (this.#future.size > MAX_FUTURE_JOBS) this.#future.delete(this.#future.keys().next().value!);
      return undefined;
    }
    if (this.#tip === undefined) return "job-before-prev-hash";
    if (minNtime < this.#tip.minNtime) return "min-ntime-decreased";
    this.#tip = { ...this.#tip, minNtime };
    this.#activate(job);
    return undefined;
  }

  /** Makes a future job the one to mine on; all others are over (SV2 5.3.17). */
  setNewPrevHash(
    jobId: number,
    prevHash: Uint8Array,
    nbits: number,
    minNtime: number,
  ): ServerViolation | undefined {
    const job = this.#future.get(jobId);
    if (job === undefined) return "unknown-future-job";
    this.#future.clear();
    this.#tip = { prevHash, nbits, minNtime };
    this.#activate(job);
    return undefined;
  }

  #activate(job: ReceivedJob): void {
    this.#job = { ...job, ...this.#tip!, target: this.target };
  }
}
