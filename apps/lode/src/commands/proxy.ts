import { native } from "@lode/native";
import { startProxy } from "@lode/proxy";
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
import { configOptions, configured, proxyRole } from "./configured.ts";

/** Beyond the drain: the last answers, and the connections to the pools. */
const STOP_MARGIN_MS = 15_000;

export const proxyCommand: Command = {
  name: "proxy",
  summary: "Run a proxy: Stratum V1 miners in front, Stratum V2 pools behind.",
  details:
    "Each miner mines for the name it tells, on a channel of its own; shares are answered by the pool's answer.\nThe first of the configured pools that has work is used; miners move to another without reconnecting.",
  options: configOptions,
  async run(args) {
    const config = configured(proxyRole, args);
    if (config === null) return ExitCode.ok;
    const logger = createLogger({ level: config.log.level, format: "json", base: { role: "proxy" } });
    const metrics = createMetrics();
    preferEventLoop();
    announceBackend(native, logger, metrics);
    return runUntilStopped(
      async () => {
        const server = await startProxy(config, { logger, metrics });
        const admin = await startAdminServer({
          ...splitHostPort(config.admin.listenAddress),
          metrics,
          checks: { live: () => [], ready: () => server.proxy.notReady(), started: () => [] },
        });
        return {
          ended: new Promise<ExitCode>(() => {}),
          async stop() {
            await server.drain();
            await admin.close();
          },
        };
      },
      { logger, stopWithinMs: config.proxy.drainSec * 1_000 + STOP_MARGIN_MS },
    );
  },
};
