import type { Clock } from "@lode/ports";
import type { Opening } from "./opening.ts";

/** Openings in one turn of the event loop: two or three milliseconds' work. */
const SLICE = 32;

/** Somebody who asks for channels. */
export interface OpeningParty {
  /** Opens, or refuses, a channel. Must not throw. */
  open(opening: Opening): void;
}

/**
 * Requests for channels, a few in every turn of the event loop and one of every party in turn: whoever asks for thousands at
 * once waits for them himself, while shares are answered and a newcomer gets his first channel.
 */
export class OpeningQueue {
  readonly #clock: Pick<Clock, "soon">;
  /** Parties that wait, the next one first. */
  readonly #waiting = new Map<OpeningParty, Opening[]>();
  #size = 0;
  /** Openings of this turn. */
  #served = 0;
  #scheduled = false;

  constructor(clock: Pick<Clock, "soon">) {
    this.#clock = clock;
  }

  /** Requests that wait. */
  get size(): number {
    return this.#size;
  }

  /** Requests of one party that wait. */
  waitingOf(party: OpeningParty): number {
    return this.#waiting.get(party)?.length ?? 0;
  }

  /** Serves a request now when nobody waits and the turn allows it, else later. */
  add(party: OpeningParty, opening: Opening): void {
    if (this.#size === 0 && this.#served < SLICE) {
      this.#serve(party, opening);
      return;
    }
    const kept = { ...opening, maxTarget: opening.maxTarget.slice() };
    const own = this.#waiting.get(party);
    if (own === undefined) this.#waiting.set(party, [kept]);
    else own.push(kept);
    this.#size++;
    this.#schedule();
  }

  /** Drops what a party waits for. */
  forget(party: OpeningParty): void {
    this.#size -= this.waitingOf(party);
    this.#waiting.delete(party);
  }

  #serve(party: OpeningParty, opening: Opening): void {
    this.#served++;
    this.#schedule();
    party.open(opening);
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#clock.soon(() => this.#turn());
  }

  #turn(): void {
    this.#scheduled = false;
    this.#served = 0;
    while (this.#served < SLICE && this.#size > 0) {
      const [party, openings] = this.#waiting.entries().next().value!;
      this.#waiting.delete(party);
      const opening = openings.shift()!;
      this.#size--;
      if (openings.length > 0) this.#waiting.set(party, openings);
      this.#serve(party, opening);
    }
    if (this.#size > 0) this.#schedule();
  }
}
