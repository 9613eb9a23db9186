import type { Clock } from "./clock.ts";

/** Marks that nothing came back in time. */
export class DeadlineExceeded extends Error {}

/** Settles as `work` does, or rejects with {@link DeadlineExceeded} after `ms` milliseconds. */
export function within<T>(clock: Clock, ms: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(ms, () => reject(new DeadlineExceeded(`no answer for ${ms} ms`)));
    work.then(resolve, reject).finally(() => timer.cancel());
  });
}
