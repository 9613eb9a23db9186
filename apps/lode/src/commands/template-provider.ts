import { native } from "@lode/native";
import { createLogger, createMetrics, type ExitCode, runUntilStopped, startAdminServer } from "@lode/service";
import { startTemplateProvider, type TemplateProviderServer } from "@lode/template-provider";
import { splitHostPort } from "@lode/transport";
import { announceBackend } from "../backend.ts";
import type { Command } from "../command.ts";
import { configOptions, configured, templateProviderRole } from "./configured.ts";

export const templateProviderCommand: Command = {
  name: "template-provider",
  summary: "Run a Template Distribution server in front of a Bitcoin node (getblocktemplate).",
  options: configOptions,
  async run(args) {
    const loaded = await configured(templateProviderRole, args);
    if ("exitCode" in loaded) return loaded.exitCode;
    const { config } = loaded;
    const logger = createLogger({
      level: config.log.level,
      format: "json",
      base: { role: "template-provider" },
    });
    const metrics = createMetrics();
    announceBackend(native, logger, metrics);
    return runUntilStopped(
      async (signal) => {
        let server: TemplateProviderServer | null = null;
        let waitsFor = "starting";
        // First of all: while the start waits for something, health says what for.
        const admin = await startAdminServer({
          ...splitHostPort(config.admin.listenAddress),
          metrics,
          checks: {
            live: () => [],
            ready: () =>
              server === null ? ["starting"] : server.provider.height === 0 ? ["no-template"] : [],
            notes: () => (server === null ? [waitsFor] : []),
            started: () => (server === null ? [waitsFor] : []),
          },
        });
        logger.info(
          { address: config.admin.listenAddress, port: admin.port },
          "health and metrics are served",
        );
        const running = await startTemplateProvider(config, {
          logger,
          metrics,
          signal,
          onWaiting: (sentence) => {
            waitsFor = sentence ?? "starting";
          },
        }).catch(async (error: unknown) => {
          await admin.close();
          throw error;
        });
        server = running;
        return {
          ended: new Promise<ExitCode>(() => {}),
          async stop() {
            await running.stop();
            await admin.close();
          },
        };
      },
      { logger, stopWithinMs: 10_000 },
    );
  },
};
