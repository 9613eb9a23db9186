import { native } from "@lode/native";
import { createLogger, createMetrics, ExitCode, runUntilStopped, startAdminServer } from "@lode/service";
import { startTemplateProvider } from "@lode/template-provider";
import { splitHostPort } from "@lode/transport";
import { announceBackend } from "../backend.ts";
import type { Command } from "../command.ts";
import { configOptions, configured, templateProviderRole } from "./configured.ts";

export const templateProviderCommand: Command = {
  name: "template-provider",
  summary: "Run a Template Distribution server in front of a Bitcoin node (getblocktemplate).",
  options: configOptions,
  async run(args) {
    const config = configured(templateProviderRole, args);
    if (config === null) return ExitCode.ok;
    const logger = createLogger({
      level: config.log.level,
      format: "json",
      base: { role: "template-provider" },
    });
    const metrics = createMetrics();
    announceBackend(native, logger, metrics);
    return runUntilStopped(
      async () => {
        const server = await startTemplateProvider(config, { logger, metrics });
        const admin = await startAdminServer({
          ...splitHostPort(config.admin.listenAddress),
          metrics,
          checks: {
            live: () => [],
            ready: () => (server.provider.height === 0 ? ["no-template"] : []),
            started: () => [],
          },
        });
        return {
          ended: new Promise<ExitCode>(() => {}),
          async stop() {
            await server.stop();
            await admin.close();
          },
        };
      },
      { logger, stopWithinMs: 10_000 },
    );
  },
};
