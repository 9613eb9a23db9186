import { native } from "@lode/native";
import { noMetrics, silentLogger, systemClock, systemRandom } from "@lode/ports";
import {
  type ActiveJob,
  type ClientChannel,
  type ClientShare,
  headerOf,
  MiningClient,
  miningServerMaxLength,
} from "@lode/roles";
import { dial } from "@lode/transport";

/** Where a miner mines, and for whom. */
export interface LoadMinerOptions {
  readonly port: number;
  readonly authorityKey: Uint8Array;
  readonly address: string;
  /** Part of the worker's name; each connection appends its own number. */
  readonly name: string;
  readonly kind: "standard" | "extended";
  readonly hashesPerSecond: number;
}

/** A share that was answered with success. */
export interface AcknowledgedShare {
  /** Names one connection of one miner. */
  readonly worker: string;
  readonly channelId: number;
  readonly sequenceNumber: number;
}

const NONCE_OFFSET = 76;
const EXTRANONCE_SIZE = 8;
const RECONNECT_MS = 100;
/** A miner that is not answered for longer stops handing in more. */
const MAX_UNANSWERED = 5_000;

/**
 * A miner that really hashes, keeps count of each share until it is answered, and connects again whenever its connection
 * ends. Whoever owns it calls {@link mine} regularly.
 */
export class LoadMiner {
  readonly acknowledged: AcknowledgedShare[] = [];
  /** Shares handed in, by every connection. */
  submitted = 0;
  /** Shares whose connection ended before the answer. */
  unknown = 0;
  connections = 0;
  /** Connections that ended although {@link stop} was not called. */
  losses = 0;
  /** Answers that name more shares than wait, or not the last one of them. */
  readonly contradictions: string[] = [];
  readonly #options: LoadMinerOptions;
  readonly #rejected = new Map<string, number>();
  #client: MiningClient | undefined;
  #channel: ClientChannel | undefined;
  #worker = "";
  /** Sequence numbers not answered yet, in the order they were sent. */
  #waiting: number[] = [];
  #search:
    | { header: Uint8Array; view: DataView; job: ActiveJob; share: Omit<ClientShare, "nonce"> }
    | undefined;
  #nonce = 0;
  #stopped = false;

  constructor(options: LoadMinerOptions) {
    this.#options = options;
    void this.#connect();
  }

  get unanswered(): number {
    return this.#waiting.length;
  }

  /** Rejections by error code. */
  get rejected(): ReadonlyMap<string, number> {
    return this.#rejected;
  }

  /** Tries nonces and hands in what meets the target. */
  mine(hashes: number): void {
    for (let left = hashes; left > 0 && this.#search !== undefined; left--) {
      const { header, view, job, share } = this.#search;
      const nonce = this.#nonce++;
      view.setUint32(NONCE_OFFSET, nonce, true);
      if (!isAtMost(native.sha256d(header), job.target)) continue;
      if (this.#channel === undefined || this.#client === undefined) return;
      if (this.#waiting.length >= MAX_UNANSWERED) return;
      this.#waiting.push(this.#client.submit(this.#channel, { ...share, nonce }));
      this.submitted++;
    }
  }

  /** Mines no more, but listens on for answers. */
  rest(): void {
    this.#search = undefined;
    this.#channel = undefined;
  }

  stop(): void {
    this.#stopped = true;
    this.rest();
    this.#client?.close("done");
  }

  async #connect(): Promise<void> {
    const { port, authorityKey, address, name, kind, hashesPerSecond } = this.#options;
    try {
      const connection = await dial({
        host: "127.0.0.1",
        port,
        authorityKey,
        native,
        clock: systemClock,
        random: systemRandom,
        logger: silentLogger,
        maxLength: miningServerMaxLength,
      });
      this.#worker = `${name}-${++this.connections}`;
      const wish = { userIdentity: `${address}.${this.#worker}`, nominalHashRate: hashesPerSecond };
      const ask = kind === "standard" ? wish : { ...wish, minExtranonceSize: EXTRANONCE_SIZE };
      this.#client = new MiningClient(
        connection,
        { flags: 0, vendor: "lode-load" },
        {
          onSetup: () => void this.#client?.open(ask),
          onOpened: (channel) => {
            this.#channel = channel;
          },
          onOpenRefused: () => this.#client?.close("refused"),
          onChannelClosed: () => this.#client?.close("channel-closed"),
          onJob: (channel, job) => this.#take(channel, job),
          onAccepted: (channel, answer) =>
            this.#onAccepted(channel, answer.newSubmitsAcceptedCount, answer.lastSequenceNumber),
          onRejected: (_channel, answer) => {
            this.#rejected.set(answer.errorCode, (this.#rejected.get(answer.errorCode) ?? 0) + 1);
            this.#waiting = this.#waiting.filter(
              (sequenceNumber) => sequenceNumber !== answer.sequenceNumber,
            );
          },
          onRefused: () => this.#onClose(),
          onClose: () => this.#onClose(),
        },
        { clock: systemClock, logger: silentLogger, metrics: noMetrics },
      );
      if (this.#stopped) this.#client.close("done");
    } catch {
      this.#reconnect();
    }
  }

  #take(channel: ClientChannel, job: ActiveJob): void {
    if (this.#stopped) return;
    const extranonce = systemRandom(channel.extranonceSize);
    const ntime = Math.max(job.minNtime, Math.floor(Date.now() / 1000));
    const header = headerOf(job, { extranonce, version: job.version, ntime, nonce: 0 });
    const view = new DataView(header.buffer, header.byteOffset);
    const share = { jobId: job.jobId, version: job.version, ntime };
    this.#search = {
      header,
      view,
      job,
      share: job.work.kind === "extended" ? { ...share, extranonce } : share,
    };
    this.#nonce = 0;
  }

  /** Answers come in the order of the shares; rejected ones have left the list before. */
  #onAccepted(channel: ClientChannel, count: number, last: number): void {
    const answered = this.#waiting.splice(0, count);
    if (answered.length !== count || answered.at(-1) !== last) {
      this.contradictions.push(
        `${this.#worker}: success for ${count} up to ${last}, but ${answered.length} up to ${answered.at(-1)} waited`,
      );
    }
    for (const sequenceNumber of answered) {
      this.acknowledged.push({ worker: this.#worker, channelId: channel.id, sequenceNumber });
    }
  }

  #onClose(): void {
    this.unknown += this.#waiting.length;
    this.#waiting = [];
    this.#client = undefined;
    this.rest();
    if (this.#stopped) return;
    this.losses++;
    this.#reconnect();
  }

  #reconnect(): void {
    if (!this.#stopped) setTimeout(() => void this.#connect(), RECONNECT_MS).unref();
  }
}

/** Whether `a` ≤ `b`, both 32 bytes, little-endian. */
function isAtMost(a: Uint8Array, b: Uint8Array): boolean {
  for (let index = 31; index >= 0; index--) {
    if (a[index] !== b[index]) return a[index]! < b[index]!;
  }
  return true;
}
