import type { Clock, Timer } from "./clock.ts";
import type { Logger } from "./logger.ts";

/** What a {@link FailureLog} works with. */
export interface FailureLogOptions {
  readonly logger: Logger;
  readonly clock: Clock;
  /** Level of the lines; `warn` if absent. */
  readonly level?: "warn" | "error";
  /** While failures go on, one line comes in this time, milliseconds; a minute if absent. */
  readonly everyMs?: number;
}

/** Causes of one outage that are logged as soon as they occur. */
const TEXTS = 8;

/**
 * The log of something that fails again and again: the first failure is logged at once, and so is each new cause; then one
 * line a minute carries the number of failures since the last line; then one line says that it works again. An outage that
 * returns within a minute of its last line counts as the same one.
 */
export class FailureLog {
  readonly #options: FailureLogOptions;
  readonly #everyMs: number;
  readonly #texts = new Set<string>();
  #last: { text: string; fields: object } = { text: "", fields: {} };
  /** Failures since the last line, and since the outage began. */
  #unsaid = 0;
  #failures = 0;
  #since = 0;
  #lineAt = Number.NEGATIVE_INFINITY;
  #isOut = false;
  /** A line about this outage was written, and none about its end. */
  #isTold = false;
  /** The end of an outage whose failures wait for their line. */
  #end: { text: string; fields: object } | null = null;
  #timer: Timer | null = null;

  constructor(options: FailureLogOptions) {
    this.#options = options;
    this.#everyMs = options.everyMs ?? 60_000;
  }

  /** True between a failure and the next {@link worked}. */
  get isOut(): boolean {
    return this.#isOut;
  }

  /** @param text the whole sentence; one of few per process, as each is logged at once when it is new */
  failed(text: string, fields: object = {}): void {
    const now = this.#options.clock.monotonic();
    if (!this.#isOut) {
      this.#isOut = true;
      this.#since = now;
      this.#failures = 0;
      if (now - this.#lineAt >= this.#everyMs) this.#texts.clear();
    }
    this.#end = null;
    this.#failures += 1;
    this.#unsaid += 1;
    this.#last = { text, fields };
    if (!this.#texts.has(text) && this.#texts.size < TEXTS) {
      this.#texts.add(text);
      this.#say();
    } else {
      this.#timer ??= this.#options.clock.after(Math.max(this.#lineAt + this.#everyMs - now, 0), () => {
        this.#timer = null;
        if (this.#unsaid > 0) this.#say();
        if (this.#end !== null) this.#sayEnd(this.#end);
      });
    }
  }

  /** It works. Logged when there was a line about its failing. */
  worked(text: string, fields: object = {}): void {
    if (!this.#isOut) return;
    this.#isOut = false;
    if (this.#isTold) this.#sayEnd({ text, fields });
    else this.#end = { text, fields };
  }

  /** Writes nothing more about what happened so far. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #sayEnd({ text, fields }: { text: string; fields: object }): void {
    this.stop();
    this.#end = null;
    this.#isTold = false;
    this.#unsaid = 0;
    const seconds = Math.round((this.#options.clock.monotonic() - this.#since) / 1000);
    this.#options.logger.info({ ...fields, failures: this.#failures, seconds }, text);
  }

  #say(): void {
    const { logger, clock, level = "warn" } = this.#options;
    const { text, fields } = this.#last;
    logger[level](this.#unsaid > 1 ? { ...fields, failures: this.#unsaid } : fields, text);
    this.#unsaid = 0;
    this.#lineAt = clock.monotonic();
    this.#isTold = true;
  }
}
