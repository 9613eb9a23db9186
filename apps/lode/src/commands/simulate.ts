import { native } from "@lode/native";
import { systemClock, systemRandom } from "@lode/ports";
import { createLogger, ExitCode, ExitError, runUntilStopped } from "@lode/service";
import { MAX_IDENTITY, minerIdentity, runSimulator, type SimulatorStatus } from "@lode/simulator";
import { KeyError, parseEndpointUrl } from "@lode/transport";
import { type Command, flag, integer, text } from "../command.ts";
import { duration, hashrate } from "../dev/status-line.ts";

const STOP_WITHIN_MS = 10_000;
/** A share every few seconds at the easiest difficulty that a pool gives by default (2^-12), for little CPU time. */
const DEFAULT_HASHRATE = 200_000;

export const simulateCommand: Command = {
  name: "simulate",
  summary: "Run simulated miners against a pool. They hash for real, slowly.",
  options: {
    connect: { type: "string", value: "URL", help: "The pool: stratum2+tcp://HOST:PORT/AUTHORITY_KEY." },
    user: { type: "string", value: "ADDRESS", help: "Who is paid: ADDRESS or ADDRESS.WORKER." },
    miners: { type: "string", value: "N", help: "How many (1)." },
    hashrate: { type: "string", value: "N", help: `Hashes per second of each (${DEFAULT_HASHRATE}).` },
    standard: { type: "boolean", help: "Open standard channels, not extended ones." },
  },
  async run(args) {
    const user = text(args, "user");
    if (user === undefined) throw new ExitError(ExitCode.usage, "say who is paid: --user ADDRESS");
    const miners = integer(args, "miners", 1, 100_000) ?? 1;
    if (Buffer.byteLength(minerIdentity(user, miners)) > MAX_IDENTITY)
      throw new ExitError(
        ExitCode.usage,
        `--user takes at most ${MAX_IDENTITY} bytes, the miner's number included`,
      );
    const logger = createLogger({ level: "error", format: "pretty", fd: 2 });
    const endpoint = endpointOf(text(args, "connect"));
    const options = {
      endpoint,
      miners,
      userIdentity: user,
      kind: flag(args, "standard") ? ("standard" as const) : ("extended" as const),
      hashesPerSecond: integer(args, "hashrate", 1, 10_000_000) ?? DEFAULT_HASHRATE,
      native,
      clock: systemClock,
      random: systemRandom,
      logger,
    };
    return runUntilStopped(
      async () => {
        const simulator = runSimulator({
          ...options,
          onStatus: show,
          onTrouble: (sentence) => say(sentence),
          onAllMining: () =>
            say(
              `${miners === 1 ? "the miner mines" : `all ${miners} miners mine`} at ${endpoint.host}:${endpoint.port}`,
            ),
        });
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
    throw new ExitError(
      ExitCode.usage,
      `--connect: ${JSON.stringify(url)} is no pool's URL: ${error.message}`,
    );
  }
}

/** A line of its own, above the status line of a terminal. */
function say(sentence: string): void {
  process.stdout.write(`${process.stdout.isTTY === true ? "\r\u001b[2K" : ""}${sentence}\n`);
}

/** Once a second on a terminal, every ten seconds elsewhere. */
function show(status: SimulatorStatus): void {
  const terminal = process.stdout.isTTY === true;
  if (!terminal && Math.round(status.seconds) % 10 !== 0) return;
  const line = [
    `up ${duration(status.seconds)}`,
    `mining ${status.mining}/${status.miners}`,
    `shares ${status.accepted} accepted / ${status.rejected} rejected`,
    hashrate(status.hashrate),
    ...(status.lastTrouble === "" ? [] : [`last trouble: ${status.lastTrouble}`]),
  ].join("  ");
  process.stdout.write(terminal ? `\r\u001b[2K${line}` : `${line}\n`);
}
