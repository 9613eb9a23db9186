import type { RunningProcess } from "@lode/testing/process";
import { PeerLog } from "./peer-log.ts";
import type { Workbench } from "./workbench.ts";

export interface MiningDeviceOptions {
  readonly port: number;
  readonly publicKey: string;
  readonly user: string;
  /** Pause between 32 hashes, microseconds. */
  readonly handicap: number;
  /** What it says of its hash rate, times what it measured. */
  readonly nominalFactor: number;
}

/** The reference implementation's CPU device. */
export interface MiningDevice {
  readonly process: RunningProcess;
  readonly log: PeerLog;
  /** Shares it found; each is handed in. */
  readonly found: number;
  /** Lets it mine for this part of the time only, 0 to 1. */
  pace(part: number): void;
}

/**
 * Slow enough for regtest: the device stamps headers a minute ahead whatever the job says, so several blocks a second would
 * carry the chain's median time past it.
 */
export const SLOW_DEVICE = { handicap: 2000, nominalFactor: 0.005 };

const PULSE_MS = 100;
const PULSES = 10;

/** Starts the device on a pool. It opens a standard channel after having measured itself for five seconds. */
export function startMiningDevice(
  bench: Workbench,
  program: string,
  options: MiningDeviceOptions,
): MiningDevice {
  const log = new PeerLog();
  const state = { found: 0 };
  const process = bench.start(
    "mining_device",
    program,
    [
      ...["-a", `127.0.0.1:${options.port}`, "-p", options.publicKey, "--id-user", options.user],
      ...["--cores", "1", "--handicap", String(options.handicap)],
      ...["--nominal-hashrate-multiplier", String(options.nominalFactor)],
    ],
    (line) => {
      if (line.includes("Found share with nonce")) state.found++;
      else readDeviceLine(log, line);
    },
  );
  const pulses = startPulses(process.pid);
  bench.onClear(() => pulses.end());
  return Object.assign(state, { process, log, pace: pulses.set });
}

/** The device has no setting for its speed once it runs: it is stopped and continued ten times a second. */
function startPulses(pid: number): { set(part: number): void; end(): void } {
  let part = 1;
  let pulse = 0;
  let running = true;
  const run = (on: boolean): void => {
    if (on === running) return;
    running = on;
    try {
      process.kill(pid, on ? "SIGCONT" : "SIGSTOP");
    } catch {
      // It has ended.
    }
  };
  const timer = setInterval(() => run(pulse++ % PULSES < part * PULSES), PULSE_MS);
  return {
    set: (wanted) => {
      part = wanted;
    },
    end: () => {
      clearInterval(timer);
      run(true);
    },
  };
}

const REJECTED = /Received SubmitSharesError with error code (\S+)/;
/** Least significant byte first. */
const TARGET = /Set target to ([0-9a-f]{64})/;
/** While it measures itself, nothing is a share. */
const PROBE = /^0+$/;

/** Lines of mining_device 0.1.3 at its usual level. It does not print how many shares an answer accepts. */
export function readDeviceLine(log: PeerLog, line: string): void {
  const rejected = REJECTED.exec(line)?.[1];
  const target = TARGET.exec(line)?.[1];
  if (rejected !== undefined) log.reject(line, rejected);
  else if (target !== undefined && !PROBE.test(target))
    log.target("", Buffer.from(target, "hex").reverse().toString("hex"));
  else if (line.includes("Received new mining job")) log.jobs++;
  else if (line.includes("Received SetNewPrevHash")) log.tip();
  else if (line.includes("Received SubmitSharesSuccess")) log.accepted++;
  else if (/ (ERROR|WARN) /.test(line)) log.trouble(line);
}
