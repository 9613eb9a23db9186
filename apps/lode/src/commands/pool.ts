import { native } from "@lode/native";
import { startPoolServer } from "@lode/pool-server";
import {
  createLogger,
  createMetrics,
  ExitCode,
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
    const config = configured(poolRole, args);
    if (config === null) return ExitCode.ok;
    const logger = createLogger({ level: config.log.level, format: "json", base: { role: "pool" } });
    const metrics = createMetrics();
    preferEventLoop();
    announceBackend(native, logger, metrics);
    return runUntilStopped(
      async () => {
        let fail: (code: ExitCode) => void = () => {};
        const ended = new Promise<ExitCode>((resolve) => {
          fail = resolve;
        });
        const server = await startPoolServer(config, {
          logger,
          metrics,
          onFatal: (reason) => {
            logger.error({ reason }, "the pool cannot go on");
            fail(ExitCode.internal);
          },
        });
        const admin = await startAdminServer({
          ...splitHostPort(config.admin.listenAddress),
          metrics,
          checks: { live: () => [], ready: () => server.pool.notReady(), started: () => [] },
        });
        return {
          ended,
          async stop() {
            await server.drain();
            await admin.close();
          },
        };
      },
      { logger, stopWithinMs: config.pool.drainSec * 2_000 + STOP_MARGIN_MS },
    );
  },
};
