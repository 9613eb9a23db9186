import type { Clock } from "@lode/ports";

/** Names that the pool refused a short while ago, and accounts it has accepted, so that it is not asked in vain. */
export class RefusedNames {
  readonly #clock: Clock;
  /** In the order of their refusal. */
  readonly #refused = new Map<string, { readonly text: string; readonly until: number }>();
  /** In the order of their last acceptance. */
  readonly #accepted = new Set<string>();
  #left = STRANGERS_BURST;
  #leftAt: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#leftAt = clock.monotonic();
  }

  /**
   * Why the pool is not to be asked about a name now; undefined when it is. Names that were accepted before are always asked
   * about; of others only so many, as a pool holds refused requests against the connection, and with it against everybody.
   */
  verdict(name: string): string | undefined {
    const now = this.#clock.monotonic();
    const known = this.#refused.get(name);
    if (known !== undefined && known.until > now) return known.text;
    if (this.#accepted.has(name)) return undefined;
    this.#left = Math.min(STRANGERS_BURST, this.#left + ((now - this.#leftAt) / 1000) * STRANGERS_PER_SECOND);
    this.#leftAt = now;
    return this.#left < 1 ? "too many wrong names have been tried here; try again in a minute" : undefined;
  }

  onRefused(name: string, text: string): void {
    this.#left = Math.max(0, this.#left - 1);
    this.#accepted.delete(name);
    this.#refused.delete(name);
    this.#refused.set(name, { text, until: this.#clock.monotonic() + REMEMBERED_MS });
    if (this.#refused.size > MOST_NAMES) this.#refused.delete(this.#refused.keys().next().value!);
  }

  onAccepted(name: string): void {
    this.#refused.delete(name);
    this.#accepted.delete(name);
    this.#accepted.add(name);
    if (this.#accepted.size > MOST_NAMES) this.#accepted.delete(this.#accepted.keys().next().value!);
  }
}

const REMEMBERED_MS = 60_000;
const MOST_NAMES = 20_000;
/** Refusals that are taken at once; Lode's own bound for a connection is a thousand and two a second. */
const STRANGERS_BURST = 200;
const STRANGERS_PER_SECOND = 0.5;
