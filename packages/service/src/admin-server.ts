import fastify from "fastify";
import { explainSystemError } from "./exit.ts";
import type { MetricsRegistry } from "./metrics.ts";

/** Looked at for every request; each list names what is wrong and is empty when all is well. */
export interface HealthChecks {
  /** The process must be restarted. */
  readonly live: () => readonly string[];
  /** The process must get no traffic now: another one would do better. */
  readonly ready: () => readonly string[];
  /** What is wrong although the process is ready, such as an outage that every other one shares. */
  readonly notes?: () => readonly string[];
  /** The process is still starting. */
  readonly started: () => readonly string[];
}

export interface AdminServer {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Health and metrics over HTTP, apart from the miners' port. 200 when all is well, else 503; the body names the reasons.
 *
 * @throws ExitError when the port cannot be had
 */
export async function startAdminServer(options: {
  readonly host: string;
  readonly port: number;
  readonly metrics: MetricsRegistry;
  readonly checks: HealthChecks;
  /** What else is served as JSON, by path. */
  readonly pages?: Readonly<Record<string, () => object>>;
}): Promise<AdminServer> {
  const { host, port, metrics, checks, pages = {} } = options;
  const app = fastify({
    logger: false,
    bodyLimit: 1024,
    requestTimeout: 10_000,
    forceCloseConnections: true,
  });
  app.get("/", (_request, reply) =>
    reply.type("text/plain").send("lode: /livez /readyz /startupz /metrics\n"),
  );
  for (const [path, check, notes] of [
    ["/livez", checks.live, undefined],
    ["/readyz", checks.ready, checks.notes],
    ["/startupz", checks.started, undefined],
  ] as const) {
    app.get(path, (_request, reply) => {
      const reasons = check();
      const ok = reasons.length === 0;
      return reply
        .code(ok ? 200 : 503)
        .send({ ok, reasons, ...(notes === undefined ? {} : { notes: notes() }) });
    });
  }
  for (const [path, page] of Object.entries(pages)) app.get(path, (_request, reply) => reply.send(page()));
  app.get("/metrics", async (_request, reply) => {
    const text = await metrics.text();
    return reply.type(metrics.contentType).send(text);
  });
  try {
    await app.listen({ host, port });
  } catch (error) {
    throw explainSystemError(error, `serve health and metrics on ${host}:${port}`);
  }
  const address = app.server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : port,
    close: () => app.close(),
  };
}
