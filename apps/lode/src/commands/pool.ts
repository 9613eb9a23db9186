import { native } from "@lode/native";
import { type PoolServer, startPoolServer } from "@lode/pool-server";
import {
  createLogger,
  createMetrics,
  ExitCode,
  ExitError,
  preferEventLoop,
  runUntilStopped,
  startAdminServer,
} from "@lode/service";
import { splitHostPort } from "@lode/transport";
import { announceBackend } from "../backend.ts";
import type { Command } from "../command.ts";
import { configOptions, configured, poolRole } from "./configured.ts";

/** Beyond the drain: closing what is behind the pool. */
const STOP_MARGIN_MS = 15_000;

export const poolCommand: Command = {
  name: "pool",
  summary: "Run a pool server: SV2 miners in front, template servers and Postgres behind.",
  options: configOptions,
  async run(args) {
    const loaded = await configured(poolRole, args);
    if ("exitCode" in loaded) return loaded.exitCode;
    const { config } = loaded;
    const logger = createLogger({ level: config.log.level, format: "json", base: { role: "pool" } });
    const metrics = createMetrics();
    preferEventLoop();
    announceBackend(native, logger, metrics);
    return runUntilStopped(
      async (signal) => {
        let fail: (error: unknown) => void = () => {};
        const ended = new Promise<ExitCode>((_, reject) => {
          fail = reject;
        });
        // It may fail before the start is complete; runUntilStopped sees it then.
        ended.catch(() => {});
        let server: PoolServer | null = null;
        let waitsFor = "starting";
        // First of all: while the start waits for something, health says what for.
        const admin = await startAdminServer({
          ...splitHostPort(config.admin.listenAddress),
          metrics,
          checks: {
            live: () => [],
            ready: () => server?.pool.notReady() ?? ["starting"],
            notes: () => server?.pool.notes() ?? [waitsFor],
            started: () => (server === null ? [waitsFor] : []),
          },
        });
        logger.info(
          { address: config.admin.listenAddress, port: admin.port },
          "health and metrics are served",
        );
        const running = await startPoolServer(config, {
          logger,
          metrics,
          signal,
          onWaiting: (sentence) => {
            waitsFor = sentence ?? "starting";
          },
          onFatal: (reason, error) => {
            logger.error({ reason }, "the pool cannot go on");
            fail(error ?? new ExitError(ExitCode.internal, `the pool cannot go on: ${reason}`));
          },
        }).catch(async (error: unknown) => {
          await admin.close();
          throw error;
        });
        server = running;
        return {
          ended,
          async stop() {
            await running.drain();
            await admin.close();
          },
        };
      },
      { logger, stopWithinMs: config.pool.drainSec * 2_000 + STOP_MARGIN_MS },
    );
  },
};
