import type { Clock, Counter, Metrics, Random, Timer } from "@lode/ports";
import { Sv1ErrorCode, type Sv1ErrorNumber } from "@lode/protocol/sv1";
import type { LineConnection } from "@lode/transport";
import type { Sv1ServerSettings } from "./settings.ts";
import { Sv1Session, type Sv1SessionOwner } from "./sv1-session.ts";
import type { Sv1Work } from "./sv1-work.ts";

/** What the miners of a server get and are judged by. */
export type Sv1Host<W extends Sv1Work> = Pick<
  Sv1SessionOwner<W>,
  "lobbyWork" | "onAuthorize" | "onShare" | "onLostShare" | "onWishes" | "onEnd"
>;

/** What {@link Sv1Server} needs. */
export interface Sv1ServerDeps<W extends Sv1Work> {
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
  readonly settings: Sv1ServerSettings;
  readonly host: Sv1Host<W>;
}

/** The Stratum V1 miners of a process: their sessions, what is sent to them by time, and their end. */
export class Sv1Server<W extends Sv1Work> {
  readonly #deps: Sv1ServerDeps<W>;
  readonly #owner: Sv1SessionOwner<W>;
  readonly #sessions = new Set<Sv1Session<W>>();
  readonly #rounds: Timer;
  #nextExtranonce1: number;

  constructor(deps: Sv1ServerDeps<W>) {
    this.#deps = deps;
    const { clock, metrics, settings, host } = deps;
    // Numbers of a process before this one are not met again soon.
    this.#nextExtranonce1 = new DataView(deps.random(4).slice().buffer).getUint32(0);
    const refused = new Map<Sv1ErrorNumber, Counter>();
    for (const [name, code] of Object.entries(Sv1ErrorCode)) {
      const help = "Shares of Stratum V1 miners that were refused, by error code";
      refused.set(
        code,
        metrics.counter("lode_sv1_shares_refused_total", help, { code: String(code), reason: name }),
      );
    }
    const unreadable = metrics.counter("lode_sv1_unreadable_lines_total", "Lines that were no message");
    metrics.gauge("lode_sv1_miners", "Stratum V1 miners that are authorized", {}, () => this.authorized);
    this.#owner = {
      clock,
      settings,
      lobbyWork: () => host.lobbyWork(),
      onAuthorize: (session, user) => host.onAuthorize(session, user),
      onShare: (session, share) => host.onShare(session, share),
      onLostShare: (session, share) => host.onLostShare(session, share),
      onWishes: (session) => host.onWishes(session),
      onRefused: (code) => refused.get(code)?.inc(),
      onUnreadable: () => unreadable.inc(),
      onEnd: (session, reason) => {
        this.#sessions.delete(session);
        host.onEnd(session, reason);
      },
    };
    this.#rounds = clock.every(ROUND_MS, () => this.#round());
  }

  /** Sessions of all connections. */
  get sessions(): ReadonlySet<Sv1Session<W>> {
    return this.#sessions;
  }

  /** Sessions that mine for somebody. */
  get authorized(): number {
    let count = 0;
    for (const session of this.#sessions) if (session.isAuthorized) count += 1;
    return count;
  }

  /** Takes a connection; its miner may speak from now on. */
  accept(connection: LineConnection): Sv1Session<W> {
    const session = new Sv1Session(connection, this.#takeExtranonce1(), this.#owner);
    this.#sessions.add(session);
    return session;
  }

  /**
   * Closes every connection in a slot of its own, each as soon as what it has handed in was answered. Resolves when all are told.
   *
   * @param windowMs over which the closings are spread
   */
  async drain(windowMs: number): Promise<void> {
    const sessions = [...this.#sessions];
    await Promise.all(
      sessions.map((session, index) => this.#drain(session, (windowMs * index) / sessions.length)),
    );
    this.stop();
  }

  /** No more rounds. Connections stay with their transport. */
  stop(): void {
    this.#rounds.cancel();
  }

  #drain(session: Sv1Session<W>, afterMs: number): Promise<void> {
    const { clock } = this.#deps;
    return new Promise((resolve) => {
      let patience = DRAIN_ANSWER_MS;
      const close = () => {
        if (session.isOpen && session.unanswered > 0 && patience > 0) {
          patience -= DRAIN_LOOK_MS;
          clock.after(DRAIN_LOOK_MS, close);
          return;
        }
        session.close("draining");
        resolve();
      };
      clock.after(afterMs, close);
    });
  }

  #round(): void {
    const { clock, settings } = this.#deps;
    const due = clock.monotonic() - settings.keepAliveMs;
    for (const session of this.#sessions) if (session.toldAt <= due) session.tellAgain();
  }

  #takeExtranonce1(): Uint8Array {
    const bytes = new Uint8Array(EXTRANONCE1_SIZE);
    new DataView(bytes.buffer).setUint32(0, this.#nextExtranonce1);
    this.#nextExtranonce1 = (this.#nextExtranonce1 + 1) >>> 0;
    return bytes;
  }
}

/** Bytes of extranonce1: a number for each connection, met again only after four billion others. */
export const EXTRANONCE1_SIZE = 4;
const ROUND_MS = 5_000;
const DRAIN_ANSWER_MS = 5_000;
const DRAIN_LOOK_MS = 50;
