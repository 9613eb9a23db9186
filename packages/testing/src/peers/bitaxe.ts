import { AxeMiner, type AxeOptions, type AxeWork } from "./axe-miner.ts";
import { isSafeTarget, wholeDifficultyTarget } from "./whole-difficulty.ts";

/** What a {@link Bitaxe} is. */
export interface BitaxeOptions extends AxeOptions {
  readonly kind: "standard" | "extended";
  /** 2.15 of August 2026, or 2.14.2 before it. */
  readonly firmware?: "2.15" | "2.14";
}

/** `QUEUE_SIZE`, main/work_queue.h. */
const QUEUE_SIZE = 12;
/** Time until the job task takes what the receiving task queued. */
const DEQUEUE_MS = 2;

/**
 * A bitaxe: ESP-Miner's Stratum V2 client (github.com/bitaxeorg/ESP-Miner, v2.15.0: main/tasks/stratum_v2_task.c,
 * create_jobs_task.c, asic_result_task.c, components/stratum_v2). Jobs go through a queue to another task, which looks at the
 * newest difficulty only when it takes one out.
 */
export class Bitaxe extends AxeMiner {
  /** `SV2_MAX_FRAME_SIZE`, stratum_v2_task.c 28; 2048 in v2.14.2, line 27. */
  protected readonly payloadLimit: number;
  /** SO_RCVTIMEO of three minutes, components/stratum/stratum_socket.c 150. */
  protected readonly silenceLimitMs = 180_000;
  protected readonly kind: "standard" | "extended";
  protected readonly vendor = "bitaxe";
  protected readonly hardwareVersion = "BM1370";
  protected readonly minExtranonceSize: number;
  readonly #cutsDifficulty: boolean;
  readonly #queue: AxeWork[] = [];
  #threshold: Uint8Array = new Uint8Array(32);
  /** Understood of the newest target; in force with the next job out of the queue. */
  #newThreshold: Uint8Array | undefined;

  constructor(options: BitaxeOptions) {
    super(options);
    this.kind = options.kind;
    const old = options.firmware === "2.14";
    this.payloadLimit = old ? 2048 : 8192;
    // sv2_build_open_extended_mining_channel: 2 since v2.15 (stratum_v2_task.c 883), 6 before (800).
    this.minExtranonceSize = old ? 6 : 2;
    this.#cutsDifficulty = old;
  }

  /**
   * Every job counts as clean: what waits is dropped, with what is on the chip (stratum_v2_task.c 210-282). So the check against
   * the last 16 job ids (90-107) never bites: a clean job empties the list first (216, 259).
   */
  protected take(work: AxeWork): void {
    if (this.#queue.length > 0) {
      this.#queue.length = 0;
      this.forgetWork();
    }
    if (this.#queue.length === QUEUE_SIZE) this.#queue.shift();
    this.#queue.push(work);
    this.clock.after(DEQUEUE_MS, () => this.#dequeue());
  }

  /** hash_to_pdiff and a flag for the job task (601-604, 972-974). */
  protected onTarget(): void {
    const { targetBytes: target, scale } = this;
    if (!this.#cutsDifficulty || scale.shift > 0) {
      this.#newThreshold = target;
      return;
    }
    if (!isSafeTarget(target, scale)) this.violate("a target that is no whole difficulty");
    this.#newThreshold = wholeDifficultyTarget(target, scale);
  }

  /** create_jobs_task.c 89-194: a new difficulty is looked at only here (126-130). */
  #dequeue(): void {
    const work = this.#queue.shift();
    if (work === undefined || this.left !== null) return;
    if (this.#newThreshold !== undefined) {
      this.#threshold = this.#newThreshold;
      this.#newThreshold = undefined;
    }
    this.mine(work, this.#threshold);
  }
}
