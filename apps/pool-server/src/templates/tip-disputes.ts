import { type Clock, FailureLog, type Logger } from "@lode/ports";
import type { BlockWitness } from "./block-witness.ts";
import type { TemplateSource } from "./template-source.ts";

/** A block takes seconds from one node to another: only what two looks in a row do not find is a dispute. */
const LOOKS = 2;

/** Notices template sources that build on blocks which no configured node knows: another network, or a fork. */
export class TipDisputes {
  readonly #options: { readonly clock: Clock; readonly logger: Logger; readonly witness: BlockWitness };
  /** Looks in a row that did not find a source's tip. */
  readonly #misses = new Map<TemplateSource, number>();
  readonly #logs = new Map<TemplateSource, FailureLog>();
  #isComparing = false;

  constructor(options: { readonly clock: Clock; readonly logger: Logger; readonly witness: BlockWitness }) {
    this.#options = options;
  }

  isDisputed(source: TemplateSource): boolean {
    return (this.#misses.get(source) ?? 0) >= LOOKS;
  }

  /** Asks about the tip of each source that gives work. */
  async compare(sources: readonly TemplateSource[]): Promise<void> {
    if (this.#isComparing) return;
    this.#isComparing = true;
    for (const source of sources) {
      const { work } = source;
      const known = work === null ? null : await this.#options.witness(work.tip.prevHash);
      if (known !== null) this.#onAnswer(source, known);
    }
    this.#isComparing = false;
  }

  stop(): void {
    for (const log of this.#logs.values()) log.stop();
  }

  #onAnswer(source: TemplateSource, known: boolean): void {
    this.#misses.set(source, known ? 0 : (this.#misses.get(source) ?? 0) + 1);
    const fields = { source: source.name };
    const log = this.#logs.get(source) ?? new FailureLog({ ...this.#options, level: "error" });
    this.#logs.set(source, log);
    if (known) log.worked(`the nodes know what the template source ${source.name} builds on again`, fields);
    else if (this.isDisputed(source)) {
      log.failed(
        `the template source ${source.name} builds on a block that no configured node knows: they are on different networks or chains, or the nodes are behind`,
        fields,
      );
    }
  }
}
