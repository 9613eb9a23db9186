/** A pending callback of a {@link Clock}. */
export interface Timer {
  /** Stops the timer; a callback that has not run yet never runs. Safe to call twice. */
  cancel(): void;
}

/** Time as the core sees it. */
export interface Clock {
  /** Wall clock, milliseconds since the Unix epoch. May step. */
  now(): number;
  /** Monotonic milliseconds with fractions, from an arbitrary origin. For durations. */
  monotonic(): number;
  /** Runs `callback` once, not before `ms` milliseconds have passed. */
  after(ms: number, callback: () => void): Timer;
  /** Runs `callback` every `ms` milliseconds until cancelled. */
  every(ms: number, callback: () => void): Timer;
  /** Runs `callback` after the events already at hand, before time moves on. */
  soon(callback: () => void): void;
}

/** The process's own clock. Its timers keep the process alive, as Node's do. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, callback) {
    const handle = setTimeout(callback, ms);
    return { cancel: () => clearTimeout(handle) };
  },
  every(ms, callback) {
    const handle = setInterval(callback, ms);
    return { cancel: () => clearInterval(handle) };
  },
  soon(callback) {
    setImmediate(callback);
  },
};
