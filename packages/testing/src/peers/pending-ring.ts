/** Slots of the ring: `SV2_PENDING_JOBS_SIZE`, components/stratum_v2/include/sv2_protocol.h 89. */
const SLOTS = 8;

/**
 * Where ESP-Miner and its descendants keep jobs that wait for a SetNewPrevHash: one slot per `job_id % 8`, and whoever comes
 * second to a slot overwrites the first (stratum_v2_task.c 446-468, 489-507).
 */
export class PendingRing<J extends { readonly jobId: number }> {
  readonly #slots: (J | undefined)[] = new Array(SLOTS).fill(undefined);
  readonly #onLost: (lost: J, by: J) => void;

  constructor(onLost: (lost: J, by: J) => void) {
    this.#onLost = onLost;
  }

  put(job: J): void {
    const slot = job.jobId % SLOTS;
    const lost = this.#slots[slot];
    if (lost !== undefined && lost.jobId !== job.jobId) this.#onLost(lost, job);
    this.#slots[slot] = job;
  }

  /** The job of that id, if it still waits. */
  take(jobId: number): J | undefined {
    const slot = jobId % SLOTS;
    const job = this.#slots[slot];
    if (job?.jobId !== jobId) return undefined;
    this.#slots[slot] = undefined;
    return job;
  }

  /** Everything that waits, in slot order. */
  takeAll(): J[] {
    const waiting = this.#slots.filter((job) => job !== undefined);
    this.#slots.fill(undefined);
    return waiting;
  }
}
