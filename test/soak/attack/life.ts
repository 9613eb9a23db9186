import type { Socket } from "node:net";
import type { Prng } from "@lode/testing/random";
import { dialFrom } from "../wire/dial-from.ts";
import { nap, openSocket } from "../wire/open-socket.ts";
import type { Sv2Socket } from "../wire/sv2-socket.ts";
import { AttackSession } from "./attack-session.ts";
import type { CpuBudget } from "./cpu-budget.ts";

/** What became of one kind of attack. */
export interface AttackCount {
  /** Connections tried. */
  attempts: number;
  /** Closed instead of answered: the address or the pool is full, or banned. */
  refused: number;
  /** Ended by the pool later. */
  cut: number;
  /** Frames, or pieces of bytes, sent. */
  messages: number;
}

/** What attacks need. */
export interface AttackDeps {
  readonly port: number;
  /** Of a user that may open channels. */
  readonly userIdentity: string;
  readonly prng: Prng;
  readonly budget: CpuBudget;
  readonly isOver: () => boolean;
}

/** A raw connection is counted as refused when it ends sooner than this, milliseconds. */
const REFUSED_WITHIN_MS = 50;

/** One attacker from its connect to its end; it comes back as another life. */
export class Life {
  readonly deps: AttackDeps;
  readonly count: AttackCount;
  /** Set when the pool did not even let it in. */
  wasRefused = false;
  readonly #sockets: { destroy(): unknown }[] = [];

  readonly #localAddress: string;

  /** @param localAddress where it comes from */
  constructor(deps: AttackDeps, localAddress: string, count: AttackCount) {
    this.deps = deps;
    this.#localAddress = localAddress;
    this.count = count;
  }

  /** A bare TCP connection, or undefined when it was refused. */
  async connect(): Promise<Socket | undefined> {
    await this.deps.budget.turn("arrival");
    this.count.attempts++;
    const socket = await openSocket(this.deps.port, this.#localAddress);
    if (typeof socket === "string") return this.#refused();
    this.#sockets.push(socket);
    return socket;
  }

  /** A connection after its handshake, not started, or undefined when there was none. */
  async dial(): Promise<Sv2Socket | undefined> {
    await this.deps.budget.turn("arrival");
    this.count.attempts++;
    const connection = await dialFrom({ port: this.deps.port, localAddress: this.#localAddress });
    if (typeof connection === "string") return this.#refused();
    this.#sockets.push({ destroy: () => connection.destroy("over") });
    return connection;
  }

  /** The same, started. */
  async shake(): Promise<AttackSession | undefined> {
    const connection = await this.dial();
    return connection && new AttackSession(connection);
  }

  /** A connection that is set up, or undefined. */
  async setUp(flags = 0): Promise<AttackSession | undefined> {
    const session = await this.shake();
    if (session === undefined || (await session.setUp(flags))) return session;
    return this.#refused();
  }

  /** Counts a message. */
  sent(messages = 1): void {
    this.count.messages += messages;
  }

  /** Waits until the connection is over, or until `ms` have passed. */
  async endure(session: AttackSession, ms: number): Promise<void> {
    await within(ms, session.over);
    this.judge(session.connection);
  }

  /** The same for a bare connection. */
  async endureSocket(socket: Socket, ms: number): Promise<void> {
    const startedAt = performance.now();
    const ended = new Promise<true>((resolve) => {
      socket
        .once("end", () => resolve(true))
        .once("close", () => resolve(true))
        .resume();
    });
    const wasCut = await within(ms, ended);
    if (wasCut !== true || this.deps.isOver()) return;
    if (performance.now() - startedAt < REFUSED_WITHIN_MS) this.#refused();
    else this.count.cut++;
  }

  /** Sends frames as fast as the budget and the pool allow, until it is cut or the attack is over. */
  async flood(session: AttackSession, next: () => Uint8Array, options: FloodOptions = {}): Promise<void> {
    const { batch = 32, most = Number.POSITIVE_INFINITY, pauseMs = 0 } = options;
    let stalledSince: number | undefined;
    for (let sent = 0; sent < most && session.isOpen && !this.deps.isOver(); ) {
      await this.deps.budget.turn("flood");
      if (session.connection.queuedBytes > MAX_QUEUED) {
        stalledSince ??= performance.now();
        if (performance.now() - stalledSince > STALLED_MS) break;
        await nap(20);
        continue;
      }
      stalledSince = undefined;
      for (let count = 0; count < batch && session.isOpen; count++) session.send(next());
      sent += batch;
      this.sent(batch);
      if (pauseMs > 0) await nap(pauseMs);
    }
    this.judge(session.connection);
  }

  /** Counts a connection as cut when the pool has ended it. */
  judge(connection: Sv2Socket): void {
    if (connection.ended !== undefined && !connection.left) this.count.cut++;
  }

  /** Leaves nothing behind. */
  end(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #refused(): undefined {
    this.wasRefused = true;
    this.count.refused++;
    return undefined;
  }
}

/** What `promise` resolves with, or undefined after `ms`; leaves no timer behind. */
async function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, ms, undefined);
  });
  const result = await Promise.race([promise, tooLate]);
  clearTimeout(timer);
  return result;
}

export interface FloodOptions {
  /** Frames in a row. */
  readonly batch?: number;
  /** Frames in all. */
  readonly most?: number;
  /** Between batches. */
  readonly pauseMs?: number;
}

const MAX_QUEUED = 256 * 1024;
const STALLED_MS = 30_000;
