import { splitIdentity } from "@lode/mining";
import type { Clock } from "@lode/ports";

/** Somebody whose name the pool is to be asked about. */
export interface NameBearer {
  readonly identity: string;
  readonly remoteAddress: string;
  /** False once nobody waits any more. */
  readonly isWaiting: boolean;
  /** Asks the pool now. */
  ask(): void;
}

/**
 * Decides when the pool is asked about a name. Accounts it has accepted are asked about at once. Of others only so many: a pool holds
 * refused requests against the connection, and with it against everybody, so each unknown name takes a token that only an acceptance
 * gives back. Where there is none left, names wait, and addresses take turns. A name that was refused is not asked about again for a
 * minute.
 */
export class NameGate {
  readonly #clock: Clock;
  /** In the order of their refusal. */
  readonly #refused = new Map<string, { readonly text: string; readonly until: number }>();
  /** In the order of their last acceptance. */
  readonly #accounts = new Set<string>();
  /** Who waits, by address; addresses take turns in this order. */
  readonly #waiting = new Map<string, NameBearer[]>();
  #tokens = BURST;
  #tokensAt: number;
  #cleanedAt: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#tokensAt = clock.monotonic();
    this.#cleanedAt = this.#tokensAt;
  }

  /** Has the pool asked now or later. @returns why it is not asked, in words; undefined when it is */
  enter(bearer: NameBearer): string | undefined {
    const { identity, remoteAddress } = bearer;
    const known = this.#refused.get(identity);
    if (known !== undefined && known.until > this.#clock.monotonic()) return known.text;
    if (this.#accounts.has(splitIdentity(identity).name)) bearer.ask();
    else {
      const queue = this.#waiting.get(remoteAddress) ?? [];
      queue.push(bearer);
      this.#waiting.set(remoteAddress, queue);
      this.pump();
    }
    return undefined;
  }

  onRefused(identity: string, text: string): void {
    this.#accounts.delete(splitIdentity(identity).name);
    this.#refused.delete(identity);
    this.#refused.set(identity, { text, until: this.#clock.monotonic() + REMEMBERED_MS });
    if (this.#refused.size > MOST_NAMES) this.#refused.delete(this.#refused.keys().next().value!);
  }

  onAccepted(identity: string): void {
    this.#refused.delete(identity);
    const account = splitIdentity(identity).name;
    if (!this.#accounts.delete(account)) this.#tokens = Math.min(BURST, this.#tokens + 1);
    this.#accounts.add(account);
    if (this.#accounts.size > MOST_NAMES) this.#accounts.delete(this.#accounts.keys().next().value!);
    this.pump();
  }

  /** Lets in who may go in by now; to be called now and then. */
  pump(): void {
    const now = this.#clock.monotonic();
    this.#tokens = Math.min(BURST, this.#tokens + ((now - this.#tokensAt) / 1000) * TOKENS_PER_SECOND);
    this.#tokensAt = now;
    if (now - this.#cleanedAt >= CLEAN_EVERY_MS) this.#clean(now);
    for (const [address, queue] of this.#waiting) {
      if (this.#tokens < 1) return;
      let next = queue.shift();
      while (next?.isWaiting === false) next = queue.shift();
      // To the end of the line, so that the next address is next.
      this.#waiting.delete(address);
      if (queue.length > 0) this.#waiting.set(address, queue);
      if (next === undefined) continue;
      if (!this.#accounts.has(splitIdentity(next.identity).name)) this.#tokens -= 1;
      next.ask();
    }
  }

  /** Forgets who has left, so that nothing grows but with open connections. */
  #clean(now: number): void {
    this.#cleanedAt = now;
    for (const [address, queue] of this.#waiting) {
      const present = queue.filter(({ isWaiting }) => isWaiting);
      if (present.length === 0) this.#waiting.delete(address);
      else this.#waiting.set(address, present);
    }
  }
}

const REMEMBERED_MS = 60_000;
const MOST_NAMES = 50_000;
/** Unknown names that may be asked about at once; Lode's own bound for a connection is a thousand refusals and two a second. */
const BURST = 500;
const TOKENS_PER_SECOND = 0.5;
const CLEAN_EVERY_MS = 10_000;
