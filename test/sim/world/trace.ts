import { createHash } from "node:crypto";

/** How many of the last events a failure report shows. */
const KEPT = 80;

/** Everything that happened, as a hash (two runs of a seed must agree) and as the last few lines for people. */
export class Trace {
  readonly #hash = createHash("sha256");
  readonly #lines: string[] = [];
  readonly #now: () => number;
  readonly #onEvent: ((line: string) => void) | undefined;

  /**
   * @param now virtual milliseconds
   * @param onEvent hears every event
   */
  constructor(now: () => number, onEvent?: (line: string) => void) {
    this.#now = now;
    this.#onEvent = onEvent;
  }

  /** Notes an event. */
  event(text: string): void {
    const line = `${this.#now().toFixed(3)} ${text}\n`;
    this.#hash.update(line);
    this.#onEvent?.(line);
    this.#lines.push(line);
    if (this.#lines.length >= 2 * KEPT) this.#lines.splice(0, KEPT);
  }

  /** Notes bytes that went over a wire; they are not shown. */
  bytes(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  /** The last events, oldest first. */
  recent(): string[] {
    return this.#lines.slice(-KEPT).map((line) => line.trimEnd());
  }

  /** Hash of everything so far, hex. */
  digest(): string {
    return this.#hash.copy().digest("hex");
  }
}
