import { setTimeout as pause } from "node:timers/promises";
import { Crowd } from "../crowd.ts";
import { FIRST, NEWCOMERS, SETTLE_MS } from "../crowd-cost.ts";
import { quantilesSince } from "../fan-out.ts";
import { type GeneratorShare, largerShare } from "../generator-share.ts";
import { median } from "../row.ts";
import type { MeasuredServer } from "./measured-server.ts";
import { ProcessMeter } from "./process-meter.ts";
import type { BenchTemplateServer } from "./template-server.ts";

/** Code that is new is not counted: so many, times the miners, come before the first that counts. A pool runs for weeks. */
const WARM_UP_MINERS = 6_000;
/** What a server does once the last miner has its job is in the figures too. */
const AFTER_MS = 50;
const BETWEEN_MS = 150;
/** Load before the reading: code is compiled, queues have their size. */
const WARM_UP_SECONDS = 2;

/** What a figure was measured with. */
export interface Figure {
  readonly value: number;
  readonly generator?: GeneratorShare;
}

/** Figures of one server and one crowd, by name; see `GOALS`. */
export type Figures = Readonly<Record<string, Figure>>;

/** Cost of connections and of templates. CPU is the server's process, all threads. */
export async function measureCrowdOf(
  server: MeasuredServer,
  templates: BenchTemplateServer,
  { connections, templatesEach }: { connections: number; templatesEach: number },
): Promise<Figures> {
  const meter = new ProcessMeter(server.pid);
  const readMemory = async () => {
    await pause(SETTLE_MS);
    const inUse = await server.collect();
    return { inUse, resident: meter.residentBytes() };
  };
  const first = await gather(server, FIRST, "extended");
  const before = await readMemory();
  const crowd = await gather(server, connections, "extended");
  try {
    const after = await readMemory();
    // A small crowd may fit into memory that is resident already: then what is in use tells more.
    const grown = Math.max(after.resident - before.resident, after.inUse - before.inUse);
    await first.close();
    const newcomer = await measureNewcomers(server, Math.min(NEWCOMERS, connections));
    await warmUp(templates, crowd);
    return {
      newcomer,
      memory: { value: grown / 1000 / connections },
      ...(await measureTemplates(server, templates, crowd, "tip", templatesEach)),
      ...(await measureTemplates(server, templates, crowd, "refresh", templatesEach)),
    };
  } finally {
    await crowd.close();
  }
}

async function measureNewcomers(server: MeasuredServer, connections: number): Promise<Figure> {
  const meter = new ProcessMeter(server.pid);
  await pause(SETTLE_MS);
  const before = meter.cpuMs();
  const newcomers = await gather(server, connections, "extended");
  await pause(SETTLE_MS);
  const value = (meter.cpuMs() - before) / connections;
  await newcomers.close();
  await pause(SETTLE_MS);
  return { value, generator: newcomers.gathering };
}

/** CPU per share, microseconds, with windows always full. */
export async function measureSharesOf(
  server: MeasuredServer,
  templates: BenchTemplateServer,
  { connections, kind, seconds }: { connections: number; kind: "standard" | "extended"; seconds: number },
): Promise<Figure & { readonly sharesPerSecond: number; readonly p99: number }> {
  const meter = new ProcessMeter(server.pid);
  const crowd = await gather(server, connections, kind);
  try {
    await pause(SETTLE_MS);
    await crowd.saturate(WARM_UP_SECONDS);
    templates.send("tip"); // what a channel remembers of earlier shares is forgotten with the tip
    await pause(SETTLE_MS);
    const before = meter.cpuMs();
    const report = await crowd.saturate(seconds);
    const used = meter.cpuMs() - before;
    const { sent, accepted, rejected, unanswered, miscounted, lost, lastErrorCode, latency } = report;
    if (rejected + unanswered + miscounted + lost > 0) {
      throw new Error(
        `the load went wrong: ${JSON.stringify({ sent, accepted, rejected, unanswered, miscounted, lost, lastErrorCode })}`,
      );
    }
    return {
      value: (used * 1000) / sent,
      generator: { cpu: report.cpuSeconds / report.seconds, loop: report.busy },
      sharesPerSecond: sent / report.seconds,
      p99: latency.p99,
    };
  } finally {
    await crowd.close();
  }
}

async function warmUp(templates: BenchTemplateServer, crowd: Crowd): Promise<void> {
  for (let miners = 0; miners < WARM_UP_MINERS; miners += 2 * crowd.connections) {
    for (const kind of ["tip", "refresh"] as const) {
      const { everywhere } = await crowd.watch(templates.nextStamp);
      templates.send(kind);
      await everywhere;
    }
  }
}

function gather(server: MeasuredServer, connections: number, kind: "standard" | "extended"): Promise<Crowd> {
  const { port, authorityKey, userIdentity, answeredTogether } = server;
  return Crowd.gather({ port, authorityKey, userIdentity, answeredTogether, connections, kind });
}

async function measureTemplates(
  server: MeasuredServer,
  templates: BenchTemplateServer,
  crowd: Crowd,
  kind: "tip" | "refresh",
  count: number,
): Promise<Figures> {
  const meter = new ProcessMeter(server.pid);
  const firsts: number[] = [];
  const lasts: number[] = [];
  const cpu: number[] = [];
  const shares: GeneratorShare[] = [];
  for (let template = 0; template < count; template++) {
    await pause(BETWEEN_MS);
    const { everywhere } = await crowd.watch(templates.nextStamp);
    const before = meter.cpuMs();
    const sentAt = templates.send(kind);
    const { times, shareOf } = await everywhere;
    await pause(AFTER_MS);
    cpu.push(((meter.cpuMs() - before) * 1000) / crowd.connections);
    const { first, last } = quantilesSince(sentAt, times);
    firsts.push(first);
    lasts.push(last);
    shares.push(shareOf(last));
  }
  const generator = shares.reduce(largerShare);
  return {
    [`${kind}_cpu`]: { value: median(cpu), generator },
    [`${kind}_last`]: { value: median(lasts), generator },
    [`${kind}_first`]: { value: median(firsts) },
  };
}
