import type { Clock, Logger, Timer } from "@lode/ports";

/** What a {@link BlockRounds} needs. */
export interface BlockRoundsDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Done one after the other in each round; one that fails does not keep the others from theirs. */
  readonly work: readonly { readonly name: string; readonly round: () => Promise<void> }[];
}

const EVERY_MS = 60_000;
/** Nodes may take a moment to connect the block of a new tip, milliseconds. */
const AFTER_TIP_MS = 1_000;

/** Looks after recorded blocks at each new tip and once a minute, one round at a time. */
export class BlockRounds {
  readonly #deps: BlockRoundsDeps;
  readonly #failing = new Set<string>();
  #timer: Timer | undefined;
  #running: Promise<void> | null = null;
  #stopped = false;

  constructor(deps: BlockRoundsDeps) {
    this.#deps = deps;
    this.#schedule(AFTER_TIP_MS);
  }

  onTip(): void {
    this.#timer?.cancel();
    this.#schedule(AFTER_TIP_MS);
  }

  /** Resolves when no round is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#running;
  }

  #schedule(ms: number): void {
    if (this.#stopped) return;
    this.#timer = this.#deps.clock.after(ms, () => {
      this.#running ??= this.#round().finally(() => {
        this.#running = null;
      });
      this.#schedule(EVERY_MS);
    });
  }

  async #round(): Promise<void> {
    for (const { name, round } of this.#deps.work) {
      if (this.#stopped) return;
      try {
        await round();
        if (this.#failing.delete(name)) this.#deps.logger.info({}, `${name}: works again`);
      } catch (err) {
        if (this.#failing.has(name)) continue;
        this.#failing.add(name);
        this.#deps.logger.warn({ err }, `${name}: not now; it goes on by itself`);
      }
    }
  }
}
