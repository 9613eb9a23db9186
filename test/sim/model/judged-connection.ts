import type { Identity } from "@lode/mining";
import { type FrameHeader, HEADER_SIZE, MiningFlags, parseFrameHeader } from "@lode/protocol";
import { serverMessages } from "@lode/testing/pool";
import type { FrameConnection, FrameHandler } from "@lode/transport";
import { judgeFrame } from "./frame-rules.ts";
import { type MinerMessage, minerTable } from "./messages.ts";
import type { NaiveChannel } from "./naive-channel.ts";
import { noEffects } from "./observations.ts";
import type { PoolUnderTest } from "./pool-under-test.ts";
import { judgeSent } from "./sent-rules.ts";

/** A tick of the server's round. */
const JOB_SLACK_MS = 1_000;

/** What a miner asked for and has no answer to. */
interface Request {
  readonly kind: "standard" | "extended";
  readonly maxTarget: Uint8Array;
  readonly identity: Identity | null;
}

/**
 * The pool's end of a miner's connection, with the naive model looking on: everything that comes in and goes out passes
 * here. When the pool's process has died nothing passes any more.
 */
export class JudgedConnection implements FrameConnection {
  readonly id: number;
  readonly #pool: PoolUnderTest;
  readonly #wire: FrameConnection;
  readonly acceptedAt: number;
  readonly writeQueueBytes: number;
  readonly channels = new Map<number, NaiveChannel>();
  /** Channels of this connection that are over, as long as shares of theirs may still be recorded. */
  readonly past = new Map<number, NaiveChannel>();
  /** Ids below were given to channels and groups. */
  nextChannelId = 2;
  /** Opened last. */
  newest: NaiveChannel | null = null;
  /** Flags of SetupConnection once it was granted; null before. */
  flags: number | null = null;
  /** The session may no longer be asked for anything; null while it goes on. */
  ended: string | null = null;
  endedAt = 0;
  started = false;
  /** The pool was told that the connection is gone. */
  closed = false;
  /** The client was told why its channels end. */
  farewell = false;
  /** A channel was closed while the pool drains: nobody can say whether the pool took notice. */
  uncertain = false;
  /** Without an answer, by request id, in order; ids may repeat. */
  readonly requests = new Map<number, Request[]>();

  /** @param writeQueueBytes what may wait for the miner at most */
  constructor(id: number, wire: FrameConnection, pool: PoolUnderTest, writeQueueBytes: number) {
    this.id = id;
    this.#wire = wire;
    this.writeQueueBytes = writeQueueBytes;
    this.#pool = pool;
    this.acceptedAt = pool.world.clock.monotonic();
  }

  get remoteAddress(): string {
    return this.#wire.remoteAddress;
  }

  get queuedBytes(): number {
    return this.#wire.queuedBytes;
  }

  /** SV2 5.1.4: a client that brings its own work gets none. */
  get getsJobs(): boolean {
    return ((this.flags ?? 0) & MiningFlags.requiresWorkSelection) === 0;
  }

  start(handler: FrameHandler): void {
    this.started = true;
    this.#wire.start({
      onFrame: (header, payload) => {
        if (this.#pool.clock.alive) this.#onFrame(handler, header, payload);
      },
      onClose: (reason) => {
        if (!this.#pool.clock.alive) return;
        this.#end(reason);
        this.#pool.world.trace.event(`pool: connection ${this.id} closed: ${reason}`);
        handler.onClose(reason);
        this.closed = true;
        for (const id of [...this.channels.keys()]) this.dropChannel(id);
        this.#pool.onClosed(this);
      },
    });
  }

  send(frame: Uint8Array): void {
    if (!this.#pool.clock.alive) return;
    this.#onSent(frame);
    this.#wire.send(frame);
  }

  flush(): void {
    if (this.#pool.clock.alive) this.#wire.flush();
  }

  readReceived(): void {
    this.#wire.readReceived();
  }

  close(reason: string): void {
    if (!this.#pool.clock.alive) return;
    if (reason === "draining") this.#judgeDrained();
    this.#end(reason);
    this.#wire.close(reason);
    if (!this.started) this.#pool.onClosed(this);
  }

  destroy(reason: string): void {
    if (!this.#pool.clock.alive) return;
    this.#end(reason);
    this.#wire.destroy(reason);
    if (!this.started) this.#pool.onClosed(this);
  }

  /** The process has died: the machine ends the connection, with what was written or without. */
  abandon(orderly: boolean): void {
    this.#end("process-died");
    if (orderly) this.#wire.close("process-died");
    else this.#wire.destroy("process-died");
    for (const id of [...this.channels.keys()]) this.dropChannel(id);
  }

  /** Some firmware leaves after 180 s without a new job, so no channel may wait longer than the settings say. */
  judgeJobAge(channel: NaiveChannel): void {
    const age = this.#pool.world.clock.monotonic() - channel.jobAt;
    const { kind, id } = channel.fields;
    const { standardRefreshMs, extendedRefreshMs } = this.#pool.limits;
    if (age > (kind === "standard" ? standardRefreshMs : extendedRefreshMs) + JOB_SLACK_MS) {
      this.#wrong("alive", `${kind} channel ${id} had no new job for ${age} ms`);
    }
  }

  /** Requests for channels without an answer. */
  get askedFor(): number {
    let count = 0;
    for (const waiting of this.requests.values()) count += waiting.length;
    return count;
  }

  /** Open channels of a group. */
  groupOf(groupId: number): NaiveChannel[] {
    return [...this.channels.values()].filter(({ fields }) => fields.groupId === groupId);
  }

  /** A request was answered: the oldest of that id, since a connection's are served in order. */
  takeRequest(requestId: number): Request | undefined {
    const waiting = this.requests.get(requestId);
    const request = waiting?.shift();
    if (waiting?.length === 0) this.requests.delete(requestId);
    return request;
  }

  /** A channel is over; shares of it may still be recorded. */
  dropChannel(id: number): void {
    const channel = this.channels.get(id);
    if (channel === undefined) return;
    this.channels.delete(id);
    if (channel.unrecorded.size > 0) this.past.set(id, channel);
  }

  #end(reason: string): void {
    if (this.ended !== null) return;
    this.ended = reason;
    this.#pool.world.reach(`end ${reason}`);
    this.endedAt = this.#pool.world.clock.monotonic();
  }

  #onFrame(handler: FrameHandler, header: FrameHeader, payload: Uint8Array): void {
    const pool = this.#pool;
    pool.world.trace.bytes(payload);
    let message: MinerMessage | "malformed" | undefined;
    try {
      message = minerTable.decode(header, payload);
    } catch {
      message = "malformed";
    }
    const effects = noEffects();
    const check = this.ended === null ? judgeFrame(this, pool, message) : null;
    pool.handling = { connection: this, effects };
    try {
      handler.onFrame(header, payload);
    } catch (error) {
      pool.world.violate("contained", `a frame's handler threw: ${String(error)}`);
    } finally {
      pool.handling = null;
    }
    if (check !== null) check(effects);
    else if (effects.accepted > 0)
      this.#wrong("right-verdict", "a share was accepted after the connection's end");
  }

  #onSent(frame: Uint8Array): void {
    this.#pool.world.trace.bytes(frame);
    const message = serverMessages.decode(parseFrameHeader(frame), frame.subarray(HEADER_SIZE));
    if (message === undefined) {
      this.#wrong("protocol", `sent a message of unknown type 0x${frame[2]?.toString(16)}`);
      return;
    }
    const { handling } = this.#pool;
    const effects = handling?.connection === this ? handling.effects : null;
    if (message.name !== "CloseChannel") effects?.sent.push(message.name);
    judgeSent(this, this.#pool, message, effects);
  }

  /** Everything the pool had read was answered, unless the store was to blame. */
  #judgeDrained(): void {
    if (!this.#pool.storeWasWell || this.uncertain) return;
    for (const channel of this.channels.values()) {
      // Those that come while answers are awaited are credited, and answered only if there is time.
      const owed = channel.open.filter(({ acceptedAt }) => acceptedAt < this.#pool.drainingSince);
      if (owed.length > 0) {
        this.#wrong("alive", `drained with ${owed.length} shares of channel ${channel.fields.id} unanswered`);
      }
    }
  }

  #wrong(invariant: Parameters<PoolUnderTest["world"]["violate"]>[0], detail: string): void {
    this.#pool.world.violate(invariant, `connection ${this.id}: ${detail}`);
  }
}
