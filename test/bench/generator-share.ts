import type { UsedTime } from "@lode/simulator";
import { significant } from "./row.ts";

/** How much of a measured time the load generator itself worked: its busiest process. */
export interface GeneratorShare {
  /** CPU time by wall time; 1 is a whole core. */
  readonly cpu: number;
  /** Part of the time in which its event loop was busy, or waited for a core. */
  readonly loop: number;
}

/** Above it, the generator may be what was measured. */
const BOTTLENECK = 0.7;

/** @param spans what each process of the generator used while `wallMs` passed */
export function generatorShare(
  spans: readonly UsedTime[],
  wallMs = Math.max(...spans.map((span) => span.wallMs)),
): GeneratorShare {
  const most = (read: (span: UsedTime) => number) =>
    significant(Math.min(1, Math.max(...spans.map(read)) / wallMs), 3);
  return { cpu: most(({ cpuMs }) => cpuMs), loop: most(({ busyMs }) => busyMs) };
}

/** The larger of two shares, each by itself. */
export function largerShare(a: GeneratorShare, b: GeneratorShare): GeneratorShare {
  return { cpu: Math.max(a.cpu, b.cpu), loop: Math.max(a.loop, b.loop) };
}

/** `generator 41 % CPU, 44 % busy`, with a word of warning where that is too much. */
export function describeShare(share: GeneratorShare): string {
  const text = `generator ${percent(share.cpu)} CPU, ${percent(share.loop)} busy`;
  return isBottleneck(share) ? `${text}: MAY BE THE BOTTLENECK` : text;
}

/** True when the generator had so little time left that the figure may be its own. */
export function isBottleneck({ cpu, loop }: GeneratorShare): boolean {
  return Math.max(cpu, loop) > BOTTLENECK;
}

/** `41 %` */
export function percent(part: number): string {
  return `${Math.round(part * 100)} %`;
}
