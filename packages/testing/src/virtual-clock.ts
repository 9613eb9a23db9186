import { type Clock, CodedError, type Timer } from "@lode/ports";

/** Raised when callbacks keep making callbacks and time cannot move on. */
export class VirtualClockError extends CodedError<{ code: "livelock"; callbacks: number }> {}

/** Wall clock at which a {@link VirtualClock} starts unless told otherwise, milliseconds since the epoch. */
export const VIRTUAL_START = 1_785_542_400_000;

/** Callbacks that may run without time moving before the clock calls it a livelock. */
const MAX_CALLBACKS_AT_ONE_INSTANT = 1_000_000;

interface Entry extends Timer {
  due: number;
  readonly order: number;
  readonly period: number | undefined;
  readonly callback: () => void;
  cancelled: boolean;
}

/**
 * A clock that stands still until it is told to move. Timers run in the order of their due time, then of their creation;
 * what `soon` collects runs before time moves. Everything is synchronous unless the `Async` variants are used, which let
 * promises settle between two callbacks. An exception in a callback reaches whoever moved the clock.
 */
export class VirtualClock implements Clock {
  #elapsed = 0;
  #wallOffset: number;
  #order = 0;
  #heap: Entry[] = [];
  #soon: (() => void)[] = [];

  /** @param start wall clock at the beginning, milliseconds since the epoch */
  constructor(start = VIRTUAL_START) {
    this.#wallOffset = start;
  }

  now(): number {
    return Math.floor(this.#wallOffset + this.#elapsed);
  }

  monotonic(): number {
    return this.#elapsed;
  }

  after(ms: number, callback: () => void): Timer {
    return this.#schedule(ms, undefined, callback);
  }

  every(ms: number, callback: () => void): Timer {
    return this.#schedule(ms, Math.max(ms, 1), callback);
  }

  soon(callback: () => void): void {
    this.#soon.push(callback);
  }

  /** Timers that would still run, periodic ones included: what a test looks at for leaks. */
  get pendingTimers(): number {
    return this.#heap.reduce((count, entry) => count + (entry.cancelled ? 0 : 1), 0);
  }

  /** Steps the wall clock alone, as an administrator or NTP does; timers and `monotonic` do not notice. */
  stepWallClock(ms: number): void {
    this.#wallOffset += ms;
  }

  /** Runs what is due now, without moving time. */
  settle(): void {
    this.advance(0);
  }

  /** Moves time by `ms` milliseconds and runs everything due on the way at its own time. */
  advance(ms: number): void {
    const end = this.#elapsed + ms;
    let guard = new InstantGuard(this.#elapsed);
    for (let run = this.#next(end); run !== undefined; run = this.#next(end)) {
      guard = guard.count(this.#elapsed);
      run();
    }
    this.#elapsed = end;
  }

  /** As {@link advance}, letting promises settle after every callback. */
  async advanceAsync(ms: number): Promise<void> {
    const end = this.#elapsed + ms;
    let guard = new InstantGuard(this.#elapsed);
    await promisesSettled();
    for (let run = this.#next(end); run !== undefined; run = this.#next(end)) {
      guard = guard.count(this.#elapsed);
      run();
      await promisesSettled();
    }
    this.#elapsed = end;
  }

  /**
   * Moves time to the last one-shot timer and no further, at most `limitMs`. Periodic timers run on the way but do not
   * keep the clock busy. Returns the milliseconds that passed.
   */
  runUntilIdle(limitMs = 3_600_000): number {
    const start = this.#elapsed;
    this.settle();
    for (let due = this.#nextOneShot(); due !== undefined; due = this.#nextOneShot()) {
      if (due > start + limitMs) break;
      this.advance(due - this.#elapsed);
    }
    return this.#elapsed - start;
  }

  /** The next callback not later than `end`, with time moved to it. */
  #next(end: number): (() => void) | undefined {
    const soon = this.#soon.shift();
    if (soon !== undefined) return soon;
    for (let entry = this.#heap[0]; entry !== undefined; entry = this.#heap[0]) {
      if (!entry.cancelled && entry.due > end) return undefined;
      this.#pop();
      if (entry.cancelled) continue;
      this.#elapsed = Math.max(this.#elapsed, entry.due);
      if (entry.period === undefined) entry.cancelled = true;
      else {
        entry.due += entry.period;
        this.#push(entry);
      }
      return entry.callback;
    }
    return undefined;
  }

  #nextOneShot(): number | undefined {
    let due: number | undefined;
    for (const entry of this.#heap) {
      if (entry.cancelled || entry.period !== undefined) continue;
      if (due === undefined || entry.due < due) due = entry.due;
    }
    return due;
  }

  #schedule(ms: number, period: number | undefined, callback: () => void): Timer {
    const entry: Entry = {
      due: this.#elapsed + Math.max(period ?? ms, 0),
      order: this.#order++,
      period,
      callback,
      cancelled: false,
      cancel() {
        entry.cancelled = true;
      },
    };
    this.#push(entry);
    return entry;
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let index = heap.length;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(entry, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const moved = heap.pop()!;
    if (heap.length === 0) return;
    let index = 0;
    for (let child = 1; child < heap.length; child = 2 * index + 1) {
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, moved)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = moved;
  }
}

/** Ends a run of callbacks that never lets time move. */
class InstantGuard {
  readonly instant: number;
  callbacks = 0;

  constructor(instant: number) {
    this.instant = instant;
  }

  count(now: number): InstantGuard {
    const guard = now === this.instant ? this : new InstantGuard(now);
    guard.callbacks++;
    if (guard.callbacks <= MAX_CALLBACKS_AT_ONE_INSTANT) return guard;
    throw new VirtualClockError({ code: "livelock", callbacks: guard.callbacks });
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.due < b.due || (a.due === b.due && a.order < b.order);
}

/** Resolves once every promise that can settle without outside events has. */
function promisesSettled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
