/** Entry of the measured process: the real pool behind the real listener. Forked by `PoolHost`. */
import { monitorEventLoopDelay, performance } from "node:perf_hooks";
import { native } from "@lode/native";
import { systemMs } from "@lode/simulator";
import { parseMetrics } from "@lode/testing/metrics";
import { serve } from "@lode/testing/process";
import { type MeasuredPool, openMeasuredPool } from "./measured-pool.ts";
import type { PoolCommand, PoolReading, PoolReply, PoolRequest } from "./pool-protocol.ts";

/** How often the event loop's delay is probed; the probe's own interval is not delay. */
const PROBE_MS = 1;
/** Stamps told ahead. */
const STAMPS = 2;

const loopDelay = monitorEventLoopDelay({ resolution: PROBE_MS });

function read({ pool, store, templates }: MeasuredPool, askedAt: number): PoolReading {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed, external } = process.memoryUsage();
  const { connections, channels, acceptedShares, rejectedShares, recordedShares } = pool.status();
  return {
    askedAt,
    at: systemMs(),
    cpuSeconds: (user + system) / 1e6,
    systemSeconds: system / 1e6,
    busyMs: performance.eventLoopUtilization().active,
    loopDelayMaxMs: Math.max(0, loopDelay.max / 1e6 - PROBE_MS),
    loopDelayP99Ms: Math.max(0, loopDelay.percentile(99) / 1e6 - PROBE_MS),
    nextStamps: Array.from({ length: STAMPS }, (_, step) => templates?.script.stamp(step + 1) ?? 0),
    ...{ connections, channels, rss, heapUsed, external },
    accepted: acceptedShares,
    rejected: rejectedShares,
    recorded: recordedShares,
    commits: store?.commits ?? 0,
    stored: store?.stored ?? 0,
  };
}

/** Sockets turned away and handshakes that failed, as the metrics page has them. */
async function refusals({ metrics }: MeasuredPool): Promise<PoolReply> {
  const page = parseMetrics(await metrics.text());
  const counts = page.byLabel("lode_connections_refused_total", "reason");
  for (const [reason, count] of Object.entries(page.byLabel("lode_handshake_failures_total", "reason"))) {
    counts[reason] = (counts[reason] ?? 0) + count;
  }
  return { kind: "refusals", refusals: counts };
}

function obey(kind: Exclude<PoolCommand["kind"], "refusals">, { templates }: MeasuredPool): void {
  switch (kind) {
    case "read":
      break;
    case "collect":
      globalThis.gc?.();
      globalThis.gc?.();
      break;
    case "observe":
      loopDelay.enable();
      loopDelay.reset();
      break;
    case "tip":
      templates?.feed.give(templates.script.nextTip());
      break;
    case "refresh":
      templates?.feed.give(templates.script.nextTemplate());
      break;
  }
}

let measured: MeasuredPool | undefined;

async function open(request: PoolRequest): Promise<PoolReply> {
  measured = await openMeasuredPool(request, (message) => {
    process.stderr.write(`the measured pool failed: ${message}\n`);
    process.exit(1);
  });
  return {
    kind: "open",
    pid: process.pid,
    port: measured.port,
    authorityKey: Buffer.from(measured.authorityKey).toString("hex"),
    nativeBackend: native.backend,
    handshakeBackend: measured.handshakeBackend,
  };
}

serve<PoolRequest | PoolCommand, PoolReply>((request) => {
  const askedAt = systemMs();
  if (request.kind === "open") return open(request);
  if (measured === undefined) throw new Error("no pool is open");
  if (request.kind === "refusals") return refusals(measured);
  obey(request.kind, measured);
  return { kind: "reading", reading: read(measured, askedAt) };
});
