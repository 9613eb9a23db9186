import { native } from "@lode/native";
import { startProxy } from "@lode/proxy";
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
import { configOptions, configured, proxyRole } from "./configured.ts";
import { proxyStatus } from "./proxy-status.ts";

/** Beyond the drain: the last answers, and the connections to the pools. */
const STOP_MARGIN_MS = 15_000;

export const proxyCommand: Command = {
  name: "proxy",
  operands: "[status]",
  summary: "Run a proxy: Stratum V1 miners in front, Stratum V2 pools behind.",
  details:
    "Each miner mines for the name it tells, on a channel of its own; shares are answered by the pool's answer.\nThe first of the configured pools that has work is used; miners move to another without reconnecting.\n\nlode proxy status asks the proxy of the same configuration how it is.",
  options: {
    ...configOptions,
    json: { type: "boolean", help: "With status: print the JSON object." },
  },
  async run(args) {
    const [action] = args.positionals;
    if (action === "status") return proxyStatus(args);
    if (action !== undefined)
      throw new ExitError(
        ExitCode.usage,
        `there is no lode proxy ${JSON.stringify(action)}; there is: status`,
      );
    const loaded = await configured(proxyRole, args);
    if ("exitCode" in loaded) return loaded.exitCode;
    const { config } = loaded;
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
          pages: { "/status": () => server.proxy.status() },
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
