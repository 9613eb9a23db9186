import { performance } from "node:perf_hooks";

/** What the generator's process used of a span of time, milliseconds. */
export interface UsedTime {
  /** CPU time of all its threads. */
  readonly cpuMs: number;
  /** Time in which its event loop was busy, or waited for a core. */
  readonly busyMs: number;
  readonly wallMs: number;
}

/** Begins to measure; the function it returns says what was used since. */
export function startMeter(): () => UsedTime {
  const cpu = process.cpuUsage();
  const utilization = performance.eventLoopUtilization();
  const startedAt = performance.now();
  return () => {
    const { user, system } = process.cpuUsage(cpu);
    return {
      cpuMs: (user + system) / 1000,
      busyMs: performance.eventLoopUtilization(utilization).active,
      wallMs: performance.now() - startedAt,
    };
  };
}
