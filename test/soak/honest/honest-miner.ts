import { native } from "@lode/native";
import { noMetrics, silentLogger, systemClock, systemRandom } from "@lode/ports";
import type { mining } from "@lode/protocol";
import { type ActiveJob, type ClientChannel, type ClientShare, headerOf, MiningClient } from "@lode/roles";
import { isAtMost } from "../../sim/model/hashing.ts";
import { monotonicMs, PUBLISHED_AT } from "../pool/soak-templates.ts";
import { dialFrom } from "../wire/dial-from.ts";
import { nap } from "../wire/open-socket.ts";
import type { BookedChannel, ShareBook } from "./share-book.ts";
import type { Tally } from "./tally.ts";

/** Where honest miners mine, and for whom. */
export interface HonestTarget {
  readonly port: number;
  readonly authorityKey: Uint8Array;
  readonly address: string;
}

/** One connection: who it is, and the hash rate of each of its channels. */
export interface MinerPlan {
  readonly localAddress: string;
  /** Part of the workers' name; each connection appends its own number. */
  readonly name: string;
  readonly channels: readonly { readonly kind: "standard" | "extended"; readonly hashesPerSecond: number }[];
}

/** What all honest miners of a process share. */
export interface MinerDeps {
  readonly target: HonestTarget;
  readonly book: ShareBook;
  /** What is counted into now; changes from stretch to stretch. */
  readonly tally: () => Tally;
}

const NONCE_OFFSET = 76;
const RECONNECT_MS = 500;
const EXTRANONCE_SIZE = 8;
/** After a pause of the process, lost time beyond this is not made up for, milliseconds. */
const MAX_CATCH_UP_MS = 2_000;

interface Mining {
  readonly channel: ClientChannel;
  readonly booked: BookedChannel;
  readonly hashesPerSecond: number;
  /** Not answered yet, in the order in which they were sent. */
  waiting: { readonly sequenceNumber: number; readonly sentAt: number }[];
  job: ActiveJob | undefined;
  search:
    | { header: Uint8Array; view: DataView; share: Omit<ClientShare, "nonce">; nonce: number }
    | undefined;
  hashedAt: number;
  /** A part of a hash that is due. */
  owed: number;
}

/** A miner with one or several channels that really hashes, slowly, and connects again whenever its connection ends. */
export class HonestMiner {
  readonly #plan: MinerPlan;
  readonly #deps: MinerDeps;
  #mining = new Map<number, Mining>();
  #client: MiningClient | undefined;
  #connections = 0;
  #resting = false;
  #stopped = false;
  /** Settles when the first jobs of all channels are there for the first time. */
  readonly ready: Promise<void>;
  #onReady!: () => void;

  constructor(plan: MinerPlan, deps: MinerDeps) {
    this.#plan = plan;
    this.#deps = deps;
    this.ready = new Promise((resolve) => {
      this.#onReady = resolve;
    });
    void this.#connect();
  }

  get unanswered(): number {
    let sum = 0;
    for (const { waiting } of this.#mining.values()) sum += waiting.length;
    return sum;
  }

  /** Does the hashes that are due and hands in what meets the target. */
  mine(now: number): void {
    if (this.#resting) return;
    for (const mining of this.#mining.values()) this.#mine(mining, now);
  }

  /** Mines no more, but listens on for answers. */
  rest(): void {
    this.#resting = true;
  }

  stop(): void {
    this.#stopped = true;
    this.#resting = true;
    this.#client?.close("done");
  }

  #mine(mining: Mining, now: number): void {
    const { job, channel } = mining;
    if (job === undefined) return;
    mining.owed += (Math.min(now - mining.hashedAt, MAX_CATCH_UP_MS) * mining.hashesPerSecond) / 1000;
    mining.hashedAt = now;
    mining.search ??= searchOf(channel, job);
    const { search } = mining;
    const { header, view, share } = search;
    for (; mining.owed >= 1; mining.owed--) {
      const nonce = search.nonce;
      search.nonce = (nonce + 1) >>> 0;
      view.setUint32(NONCE_OFFSET, nonce, true);
      if (!isAtMost(native.sha256d(header), job.target)) continue;
      const sequenceNumber = this.#client!.submit(channel, { ...share, nonce });
      mining.waiting.push({ sequenceNumber, sentAt: performance.now() });
      this.#deps.tally().sent++;
    }
  }

  async #connect(): Promise<void> {
    const { localAddress, name, channels } = this.#plan;
    const { port, authorityKey, address } = this.#deps.target;
    const connection = await dialFrom({ port, localAddress, authorityKey });
    if (typeof connection === "string") {
      if (this.#connections > 0) this.#deps.tally().disconnects.add(`dial-${connection}`);
      this.#reconnect();
      return;
    }
    const worker = `${name}-${++this.#connections}`;
    const client = new MiningClient(
      connection,
      { flags: 0, vendor: "lode-soak" },
      {
        onSetup: () => {
          for (const { kind, hashesPerSecond } of channels) {
            const wish = { userIdentity: `${address}.${worker}`, nominalHashRate: hashesPerSecond };
            client.open(kind === "standard" ? wish : { ...wish, minExtranonceSize: EXTRANONCE_SIZE });
          }
        },
        onOpened: (channel, requestId) =>
          this.#onOpened(channel, worker, channels[requestId - 1]!.hashesPerSecond),
        onOpenRefused: (_id, code) => {
          this.#deps.tally().disconnects.add(`open-refused-${code}`);
          client.close("refused");
        },
        onChannelClosed: (_channel, reason) => {
          this.#deps.tally().disconnects.add(`channel-closed-${reason}`);
          client.close("channel-closed");
        },
        onJob: (channel, job, isNewTip) => this.#onJob(channel, job, isNewTip),
        onAccepted: (channel, answer) => this.#onAccepted(channel, answer),
        onRejected: (channel, answer) => this.#onRejected(channel, answer),
        onViolation: (violation, message) => this.#deps.tally().violations.add(`${violation} by ${message}`),
        onRefused: (reason, code) => this.#onClose(`refused-${code ?? reason}`),
        onClose: (reason) => this.#onClose(reason),
      },
      { clock: systemClock, logger: silentLogger, metrics: noMetrics },
    );
    this.#client = client;
    if (this.#stopped) client.close("done");
  }

  #onOpened(channel: ClientChannel, worker: string, hashesPerSecond: number): void {
    this.#mining.set(channel.id, {
      channel,
      booked: this.#deps.book.open(worker, channel.id),
      hashesPerSecond,
      waiting: [],
      job: undefined,
      search: undefined,
      hashedAt: performance.now(),
      owed: 0,
    });
  }

  #onJob(channel: ClientChannel, job: ActiveJob, isNewTip: boolean): void {
    const mining = this.#mining.get(channel.id);
    if (mining === undefined) return;
    if (isNewTip && mining.job !== undefined) {
      const publishedAt = new DataView(job.prevHash.buffer, job.prevHash.byteOffset).getFloat64(
        PUBLISHED_AT,
        true,
      );
      this.#deps.tally().tip.record(monotonicMs() - publishedAt);
    }
    mining.job = job;
    mining.search = undefined;
    if (this.#mining.size === this.#plan.channels.length) this.#onReady();
  }

  /** Answers come in the order of the shares; rejected ones have left the list before. */
  #onAccepted(channel: ClientChannel, answer: mining.SubmitSharesSuccess): void {
    const mining = this.#mining.get(channel.id);
    if (mining === undefined) return;
    const tally = this.#deps.tally();
    const answered = mining.waiting.splice(0, answer.newSubmitsAcceptedCount);
    const isRight =
      answered.length === answer.newSubmitsAcceptedCount &&
      answered.at(-1)?.sequenceNumber === answer.lastSequenceNumber;
    if (!isRight) tally.contradictions++;
    const now = performance.now();
    for (const { sequenceNumber, sentAt } of answered) {
      tally.accepted++;
      tally.answer.record(now - sentAt);
      this.#deps.book.acknowledge(mining.booked, sequenceNumber);
    }
  }

  #onRejected(channel: ClientChannel, { sequenceNumber, errorCode }: mining.SubmitSharesError): void {
    const mining = this.#mining.get(channel.id);
    if (mining === undefined) return;
    this.#deps.tally().rejected.add(errorCode);
    mining.waiting = mining.waiting.filter((share) => share.sequenceNumber !== sequenceNumber);
  }

  #onClose(reason: string): void {
    const { unanswered } = this;
    this.#mining = new Map();
    this.#client = undefined;
    if (this.#stopped) return;
    const tally = this.#deps.tally();
    tally.cut += unanswered;
    tally.disconnects.add(reason);
    this.#reconnect();
  }

  #reconnect(): void {
    if (!this.#stopped) void nap(RECONNECT_MS).then(() => this.#connect());
  }
}

function searchOf(channel: ClientChannel, job: ActiveJob): NonNullable<Mining["search"]> {
  const extranonce = systemRandom(channel.extranonceSize);
  const ntime = Math.max(job.minNtime, Math.floor(Date.now() / 1000));
  const header = headerOf(job, { extranonce, version: job.version, ntime, nonce: 0 });
  const share = { jobId: job.jobId, version: job.version, ntime };
  return {
    header,
    view: new DataView(header.buffer, header.byteOffset),
    share: channel.kind === "extended" ? { ...share, extranonce } : share,
    nonce: Math.floor(Math.random() * 2 ** 32),
  };
}
