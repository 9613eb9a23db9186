import type { Clock, Logger, Metrics, Timer } from "@lode/ports";

/** A block that was taken by the source's node is the tip within a second or two. */
const NO_EFFECT_MS = 10_000;

/**
 * SubmitSolution has no answer (SV2 7.7), and a template server that does not fit its node loses blocks silently: a
 * solution that changes no tip within seconds is an error.
 */
export class SolutionWatch {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #withoutEffect;
  readonly #timers = new Map<string, Timer>();

  constructor({ clock, logger, metrics }: { clock: Clock; logger: Logger; metrics: Metrics }) {
    this.#clock = clock;
    this.#logger = logger;
    this.#withoutEffect = metrics.counter(
      "lode_solutions_without_effect_total",
      "Blocks handed to a template source by SubmitSolution that changed no tip within seconds",
    );
  }

  /** A block was handed to its source. */
  sent(hash: string, source: string): void {
    if (this.#timers.has(hash)) return;
    const timer = this.#clock.after(NO_EFFECT_MS, () => {
      this.#timers.delete(hash);
      this.#withoutEffect.inc();
      this.#logger.error(
        { hash, source },
        "a block handed to its template source has changed no tip for 10 s: the template server may not have got it to its node, as one that is older than the node may lose blocks silently. Name a node that takes blocks by submitblock in [[nodes]]",
      );
    });
    this.#timers.set(hash, timer);
  }

  /** Something was heard of the block: it is a tip, or a node has answered about it. */
  heard(hash: string): void {
    this.#timers.get(hash)?.cancel();
    this.#timers.delete(hash);
  }

  stop(): void {
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }
}
