import { median } from "./row.ts";

/** Something that is done many times in a row. */
export interface Subject {
  /** Does it `count` times; only this is timed. */
  run(count: number): void;
  /** Prepares the next `count`; not timed. */
  prepare?(count: number): void;
}

const BATCH_MS = 25;
const WARM_UP_MS = 150;

/**
 * Times several subjects in turns, so that what else the machine does hits all of them alike.
 *
 * @returns per subject the median of its batches, microseconds of CPU time per call
 */
export function timeInTurns<K extends string>(
  subjects: Record<K, Subject>,
  batches: number,
): Record<K, number> {
  const names = Object.keys(subjects) as K[];
  const counts = new Map(names.map((name) => [name, batchSize(subjects[name])]));
  const times = new Map(names.map((name) => [name, [] as number[]]));
  for (let batch = 0; batch < batches; batch++) {
    for (const name of names) {
      const count = counts.get(name)!;
      times.get(name)!.push((timed(subjects[name], count) * 1000) / count);
    }
  }
  return Object.fromEntries(names.map((name) => [name, median(times.get(name)!)])) as Record<K, number>;
}

/** Warms a subject up and finds how many calls fill a batch. */
function batchSize(subject: Subject): number {
  let count = 16;
  let spent = 0;
  for (;;) {
    const elapsed = timed(subject, count);
    spent += elapsed;
    if (spent >= WARM_UP_MS) return Math.max(1, Math.round((count * BATCH_MS) / elapsed));
    if (elapsed < BATCH_MS) count *= 2;
  }
}

/** Milliseconds of CPU time for `count` calls, all threads: what other processes take does not count. */
function timed(subject: Subject, count: number): number {
  subject.prepare?.(count);
  const started = process.cpuUsage();
  subject.run(count);
  const { user, system } = process.cpuUsage(started);
  return (user + system) / 1000;
}
