import type { Clock } from "@lode/ports";

/** Openings in one turn of the event loop: two milliseconds' work. */
const SLICE = 32;
/** Parties in a row that may not open anything yet, before a turn gives up. */
const MAX_LOOKS = 256;
/** Least pause between turns while somebody waits, milliseconds. */
const PAUSE_MS = 5;
/** How many times longer than a turn the pause after it is: shares and jobs keep three quarters, however slow the machine. */
const PAUSE_FACTOR = 3;

/** A request for a channel of either kind; `minExtranonceSize` is null for a standard channel. */
export interface OpenRequest {
  readonly requestId: number;
  readonly userIdentity: string;
  readonly nominalHashRate: number;
  readonly maxTarget: Uint8Array;
  readonly minExtranonceSize: number | null;
}

/** Somebody who asks for channels. */
export interface OpenRequester {
  /** Takes one from what it may open now; false: later. */
  mayOpen(): boolean;
  /** Opens, or refuses, a channel. Must not throw. */
  open(opening: OpenRequest): void;
}

/**
 * Requests for channels, a few in every turn of the event loop and one of every party in turn: whoever asks for thousands at
 * once waits for them himself, while shares are answered and a newcomer gets his first channel.
 */
export class OpenQueue {
  readonly #clock: Pick<Clock, "soon" | "after" | "monotonic">;
  /** Parties that wait, the next one first. */
  readonly #waiting = new Map<OpenRequester, OpenRequest[]>();
  #size = 0;
  /** Openings of this turn. */
  #served = 0;
  #scheduled = false;

  constructor(clock: Pick<Clock, "soon" | "after" | "monotonic">) {
    this.#clock = clock;
  }

  /** Requests that wait. */
  get size(): number {
    return this.#size;
  }

  /** Requests of one party that wait. */
  waitingOf(party: OpenRequester): number {
    return this.#waiting.get(party)?.length ?? 0;
  }

  /** Serves a request now when nobody waits and the turn allows it, else later. */
  add(party: OpenRequester, opening: OpenRequest): void {
    if (this.#size === 0 && this.#served < SLICE && party.mayOpen()) {
      this.#serve(party, opening);
      if (this.#scheduled) return;
      this.#scheduled = true;
      this.#clock.soon(() => this.#turn());
      return;
    }
    const kept = { ...opening, maxTarget: opening.maxTarget.slice() };
    const own = this.#waiting.get(party);
    if (own === undefined) this.#waiting.set(party, [kept]);
    else own.push(kept);
    this.#size++;
    this.#schedule(PAUSE_MS);
  }

  /** Drops what a party waits for. */
  forget(party: OpenRequester): void {
    this.#size -= this.waitingOf(party);
    this.#waiting.delete(party);
  }

  #serve(party: OpenRequester, opening: OpenRequest): void {
    this.#served++;
    party.open(opening);
  }

  #schedule(ms: number): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#clock.after(ms, () => this.#turn());
  }

  #turn(): void {
    const began = this.#clock.monotonic();
    this.#scheduled = false;
    this.#served = 0;
    let fruitless = 0;
    while (this.#served < SLICE && fruitless < Math.min(MAX_LOOKS, this.#waiting.size)) {
      const [party, openings] = this.#waiting.entries().next().value!;
      // Behind the others, whether it is served or must wait for its pace.
      this.#waiting.delete(party);
      this.#waiting.set(party, openings);
      if (party.mayOpen()) {
        this.#serveNext(party, openings);
        fruitless = 0;
      } else fruitless++;
    }
    const took = this.#clock.monotonic() - began;
    if (this.#size > 0) this.#schedule(Math.max(PAUSE_MS, PAUSE_FACTOR * took));
  }

  #serveNext(party: OpenRequester, openings: OpenRequest[]): void {
    const opening = openings.shift()!;
    this.#size--;
    if (openings.length === 0) this.#waiting.delete(party);
    this.#serve(party, opening);
  }
}
