import { systemClock } from "@lode/ports";
import { createLogger, ExitCode, ExitError, type LogLevel, runUntilStopped } from "@lode/service";
import { clientNotices } from "./client-notices.ts";
import type { DevOptions } from "./dev-options.ts";
import { type DevSummary, type DevWorld, startDevWorld } from "./dev-world.ts";
import { endStatus, type StatusOutput, showNotice, showStatus, statusInterval } from "./status-line.ts";
import { welcomeText } from "./welcome.ts";

const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];
const STOP_WITHIN_MS = 30_000;

function farewell(
  { accepted_shares, recorded_shares, blocks_accepted }: DevSummary,
  dataDir: string,
): string {
  const shares = `${accepted_shares} shares accepted, ${recorded_shares} recorded, ${blocks_accepted} blocks`;
  return `stopped: ${shares}; the next start continues from ${dataDir}`;
}

/** Runs `lode dev` until a signal or its number of blocks. */
export async function runDev(options: DevOptions): Promise<ExitCode> {
  const level = LEVELS.find((known) => known === options.logLevel);
  if (level === undefined)
    throw new ExitError(ExitCode.usage, `--log-level takes one of ${LEVELS.join(", ")}`);
  const logger = createLogger({ level, format: "pretty", fd: 2 });
  // With --json standard output carries the result alone.
  const stream = options.json ? process.stderr : process.stdout;
  const output: StatusOutput = {
    isTerminal: stream.isTTY === true,
    write: (text) => void stream.write(text),
  };
  let world: DevWorld | null = null;
  const code = await runUntilStopped(
    async () => {
      let end: (code: ExitCode) => void = () => {};
      let fail: (error: unknown) => void = () => {};
      const ended = new Promise<ExitCode>((resolve, reject) => {
        end = resolve;
        fail = reject;
      });
      // It may fail before the start is complete; runUntilStopped sees it then.
      ended.catch(() => {});
      // A block left open by the run before may be accepted before the start is complete.
      let blocks = 0;
      const started = await startDevWorld(options, {
        logger: clientNotices(logger, systemClock, (line) => showNotice(output, line)),
        say: (line) => showNotice(output, line),
        onFatal: (reason, error) =>
          fail(error ?? new ExitError(ExitCode.internal, `the pool cannot go on: ${reason}`)),
        onBlockAccepted: () => {
          blocks += 1;
          if (blocks === options.exitAfterBlocks) end(ExitCode.ok);
        },
      });
      world = started;
      output.write(welcomeText(started.welcome));
      const status = setInterval(() => showStatus(output, started.pool.status()), statusInterval(output));
      return {
        ended,
        async stop() {
          clearInterval(status);
          endStatus(output);
          await started.stop();
        },
      };
    },
    { logger, stopWithinMs: STOP_WITHIN_MS },
  );
  const summary = (world as DevWorld | null)?.summary();
  if (summary !== undefined) output.write(`${farewell(summary, options.dataDir)}\n`);
  if (options.json && summary !== undefined) process.stdout.write(`${JSON.stringify(summary)}\n`);
  return code;
}
