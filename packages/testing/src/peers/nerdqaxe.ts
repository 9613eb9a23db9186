import type { ServerMessage } from "../pool/scripted-miner.ts";
import { AxeMiner, type AxeOptions, type AxeWork } from "./axe-miner.ts";
import { isSafeTarget, wholeDifficultyTarget } from "./whole-difficulty.ts";

/** What a {@link NerdQAxe} is. */
export interface NerdQAxeOptions extends AxeOptions {
  /** June 2026, or September 2026 with larger frames (pull request 701) and SetExtranoncePrefix (684). */
  readonly firmware?: "2026-06" | "2026-09";
}

/**
 * A NerdQAxe++ (github.com/shufps/ESP-Miner-NerdQAxePlus at 6a5b5b58: main/stratum/stratum_task_v2.cpp,
 * main/tasks/create_jobs_sv2.cpp). ESP-Miner's client with another job task: it takes jobs at once, extended channels alone
 * (stratum_task_v2.cpp 105-111), and changes the filter of the job at hand when a target comes.
 */
export class NerdQAxe extends AxeMiner {
  /** stratum_task_v2.h 11; 16 KiB since pull request 701. */
  protected readonly payloadLimit: number;
  /** `RECV_TIMEOUT_MS`, components/stratum_v2/sv2_noise.c 23. */
  protected readonly silenceLimitMs = 180_000;
  protected readonly kind = "extended" as const;
  protected readonly vendor = "NerdQAxe++";
  protected readonly hardwareVersion = "BM1370";
  /** stratum_task_v2.cpp 279. */
  protected readonly minExtranonceSize = 6;
  readonly #takesPrefixes: boolean;
  #threshold: Uint8Array = new Uint8Array(32);

  constructor(options: NerdQAxeOptions) {
    super(options);
    const { firmware = "2026-09" } = options;
    this.payloadLimit = firmware === "2026-06" ? 2048 : 16_384;
    this.#takesPrefixes = firmware === "2026-09";
  }

  protected override onMining(message: ServerMessage): void {
    if (message.name !== "SetExtranoncePrefix") super.onMining(message);
    else if (this.#takesPrefixes) this.prefix = message.fields.extranoncePrefix;
  }

  /** enqueueExtendedJob (stratum_task_v2.cpp 662-707): at once, with the newest target; the counter runs on. */
  protected take(work: AxeWork): void {
    this.mine(work, this.#threshold, false);
  }

  /** handleSetTarget (533-552) and create_job_sv2_set_difficulty (create_jobs_sv2.cpp 88-93): also for the job at hand. */
  protected onTarget(): void {
    const { targetBytes: target, scale } = this;
    if (scale.shift > 0) this.#threshold = target;
    else {
      if (!isSafeTarget(target, scale)) this.violate("a target that is no whole difficulty");
      this.#threshold = wholeDifficultyTarget(target, scale);
    }
    this.refilter(this.#threshold);
  }
}
