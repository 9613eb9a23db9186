import { native } from "@lode/native";
import { systemClock, systemRandom } from "@lode/ports";
import { createLogger, ExitCode, ExitError, runUntilStopped } from "@lode/service";
import { runSimulator, type SimulatorStatus } from "@lode/simulator";
import { KeyError, parseEndpointUrl } from "@lode/transport";
import { type Command, flag, integer, text } from "../command.ts";
import { duration, hashrate } from "../dev/status-line.ts";

const STOP_WITHIN_MS = 10_000;

export const simulateCommand: Command = {
  name: "simulate",
  summary: "Run simulated miners against a pool. They hash for real, slowly.",
  options: {
    connect: { type: "string", value: "URL", help: "The pool: stratum2+tcp://HOST:PORT/AUTHORITY_KEY." },
    user: { type: "string", value: "ADDRESS", help: "Who is paid: ADDRESS or ADDRESS.WORKER." },
    miners: { type: "string", value: "N", help: "How many (1)." },
    hashrate: { type: "string", value: "N", help: "Hashes per second of each (20000)." },
    standard: { type: "boolean", help: "Open standard channels, not extended ones." },
  },
  async run(args) {
    const user = text(args, "user");
    if (user === undefined) throw new ExitError(ExitCode.usage, "say who is paid: --user ADDRESS");
    const logger = createLogger({ level: "warn", format: "pretty", fd: 2 });
    const options = {
      endpoint: endpointOf(text(args, "connect")),
      miners: integer(args, "miners", 1, 100_000) ?? 1,
      userIdentity: user,
      kind: flag(args, "standard") ? ("standard" as const) : ("extended" as const),
      hashesPerSecond: integer(args, "hashrate", 1, 10_000_000) ?? 20_000,
      native,
      clock: systemClock,
      random: systemRandom,
      logger,
    };
    return runUntilStopped(
      async () => {
        const simulator = runSimulator({ ...options, onStatus: show });
        return { ended: new Promise<ExitCode>(() => {}), stop: () => simulator.stop() };
      },
      { logger, stopWithinMs: STOP_WITHIN_MS },
    );
  },
};

function endpointOf(url: string | undefined) {
  if (url === undefined) throw new ExitError(ExitCode.usage, "name the pool: --connect URL");
  try {
    return parseEndpointUrl(url);
  } catch (error) {
    if (!(error instanceof KeyError)) throw error;
    throw new ExitError(ExitCode.usage, `--connect: ${JSON.stringify(url)} is no pool's URL (${error.code})`);
  }
}

/** Once a second on a terminal, every ten seconds elsewhere. */
function show(status: SimulatorStatus): void {
  const terminal = process.stdout.isTTY === true;
  if (!terminal && Math.round(status.seconds) % 10 !== 0) return;
  const line = [
    `up ${duration(status.seconds)}`,
    `miners ${status.connected}/${status.miners}`,
    `shares ${status.accepted} accepted / ${status.rejected} rejected`,
    hashrate(status.hashrate),
    ...(status.lastTrouble === "" ? [] : [`last trouble: ${status.lastTrouble}`]),
  ].join("  ");
  process.stdout.write(terminal ? `\r\u001b[2K${line}` : `${line}\n`);
}
