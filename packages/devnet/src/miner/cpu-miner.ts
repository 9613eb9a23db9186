import { native } from "@lode/native";
import type { Clock, Logger, Metrics, Random, Timer } from "@lode/ports";
import { type ActiveJob, type ClientChannel, headerOf, MiningClient } from "@lode/roles";
import type { FrameConnection } from "@lode/transport";

export interface CpuMinerOptions {
  /** A dialled connection to a mining server; not started yet. */
  readonly connection: FrameConnection;
  readonly userIdentity: string;
  readonly kind: "standard" | "extended";
  /** Rate it keeps to, so that a demonstration looks the same on every machine. */
  readonly hashesPerSecond: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Every share the server has answered with success, by how many it answered. */
  readonly onAccepted?: (count: number) => void;
  readonly onRejected?: (errorCode: string) => void;
  readonly onClose?: (reason: string) => void;
}

/** A small miner. */
export interface CpuMiner {
  /** Hashes tried so far. */
  readonly hashes: number;
  readonly submitted: number;
  stop(): void;
}

const SLICE_MS = 50;
/** After a pause of the process, the lost time is not made up for beyond this. */
const MAX_SLICES_AT_ONCE = 4;
const NTIME_OFFSET = 68;
const NONCE_OFFSET = 76;
const VENDOR = "lode-cpu-miner";

interface Attempt {
  readonly job: ActiveJob;
  readonly header: Uint8Array;
  readonly view: DataView;
  readonly extranonce: Uint8Array;
  nonce: number;
}

/** Mines on the event loop, in slices, at a fixed rate: a stand-in for a real device. */
export function startCpuMiner(options: CpuMinerOptions): CpuMiner {
  const { clock, random } = options;
  let hashes = 0;
  let submitted = 0;
  let channel: ClientChannel | null = null;
  let attempt: Attempt | null = null;
  let lastSlice = clock.monotonic();
  let timer: Timer | null = null;

  const client = new MiningClient(
    options.connection,
    { flags: 0, vendor: VENDOR },
    {
      onSetup: () => {
        const nominalHashRate = options.hashesPerSecond;
        const request = { userIdentity: options.userIdentity, nominalHashRate };
        client.open(options.kind === "standard" ? request : { ...request, minExtranonceSize: 8 });
      },
      onOpened: (opened) => {
        channel = opened;
        lastSlice = clock.monotonic();
        timer = clock.every(SLICE_MS, mineSlice);
      },
      onOpenRefused: (_requestId, errorCode) =>
        options.logger.warn({ error_code: errorCode }, "no channel was opened"),
      onJob: (_channel, job) => {
        attempt = newAttempt(job);
      },
      onAccepted: (_channel, answer) => options.onAccepted?.(answer.newSubmitsAcceptedCount),
      onRejected: (_channel, answer) => options.onRejected?.(answer.errorCode),
      onRefused: (reason) => options.onClose?.(reason),
      onClose: (reason) => {
        timer?.cancel();
        options.onClose?.(reason);
      },
    },
    options,
  );

  function newAttempt(job: ActiveJob): Attempt {
    const extranonce = random(channel?.extranonceSize ?? 0);
    const ntime = Math.max(job.minNtime, Math.floor(clock.now() / 1000));
    const header = headerOf(job, { extranonce, version: job.version, ntime, nonce: 0 });
    return { job, header, view: new DataView(header.buffer, header.byteOffset), extranonce, nonce: 0 };
  }

  function mineSlice(): void {
    const now = clock.monotonic();
    const slices = Math.min((now - lastSlice) / SLICE_MS, MAX_SLICES_AT_ONCE);
    lastSlice = now;
    const count = Math.round((options.hashesPerSecond * slices * SLICE_MS) / 1000);
    for (let tries = 0; tries < count && attempt !== null; tries++) tryOnce(attempt);
  }

  function tryOnce(current: Attempt): void {
    current.view.setUint32(NONCE_OFFSET, current.nonce, true);
    hashes += 1;
    if (isAtMost(native.sha256d(current.header), current.job.target)) submit(current);
    if (current.nonce === 0xffff_ffff) attempt = newAttempt(current.job);
    else current.nonce += 1;
  }

  function submit({ job, view, extranonce, nonce }: Attempt): void {
    if (channel === null) return;
    submitted += 1;
    const ntime = view.getUint32(NTIME_OFFSET, true);
    const share = { jobId: job.jobId, nonce, ntime, version: job.version };
    client.submit(channel, channel.kind === "standard" ? share : { ...share, extranonce });
  }

  return {
    get hashes() {
      return hashes;
    },
    get submitted() {
      return submitted;
    },
    stop() {
      timer?.cancel();
      options.connection.close("done");
    },
  };
}

/** hash ≤ target, both 32 bytes, little-endian. */
function isAtMost(hash: Uint8Array, target: Uint8Array): boolean {
  for (let at = 31; at >= 0; at--) {
    const difference = (hash[at] ?? 0) - (target[at] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return true;
}
