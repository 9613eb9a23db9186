import { startPayouts } from "@lode/payouts";
import {
  createLogger,
  createMetrics,
  ExitCode,
  ExitError,
  runUntilStopped,
  startAdminServer,
} from "@lode/service";
import { splitHostPort } from "@lode/transport";
import type { Command } from "../command.ts";
import { configOptions, configured, payoutsRole } from "./configured.ts";

/** A settlement of a large block may be under way. */
const STOP_WITHIN_MS = 60_000;

export const payoutsCommand: Command = {
  name: "payouts",
  summary: "Keep the books: fold shares into slices, split blocks among miners.",
  details: `Reads what the pool servers recorded and writes who is owed what (docs/pplns.md). It pays nobody yet.
Several may run: one leads, the others take over within ten seconds.`,
  options: configOptions,
  async run(args) {
    const [action] = args.positionals;
    if (action !== undefined) {
      throw new ExitError(
        ExitCode.usage,
        `there is no lode payouts ${JSON.stringify(action)}: it takes options only`,
      );
    }
    const loaded = await configured(payoutsRole, args);
    if ("exitCode" in loaded) return loaded.exitCode;
    const { config } = loaded;
    const logger = createLogger({ level: config.log.level, format: "json", base: { role: "payouts" } });
    const metrics = createMetrics();
    return runUntilStopped(
      async () => {
        const payouts = await startPayouts(config, { logger, metrics });
        const admin = await startAdminServer({
          ...splitHostPort(config.admin.listenAddress),
          metrics,
          checks: { live: () => [], ready: () => payouts.notReady(), started: () => [] },
        });
        return {
          ended: new Promise<ExitCode>(() => {}),
          async stop() {
            await payouts.stop();
            await admin.close();
          },
        };
      },
      { logger, stopWithinMs: STOP_WITHIN_MS },
    );
  },
};
