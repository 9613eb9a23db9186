import { splitIdentity } from "@lode/mining";
import type { Clock, Counter, Logger, Metrics, Random, Timer } from "@lode/ports";
import { Sv1ErrorCode } from "@lode/protocol/sv1";
import { Sv1Server, type Sv1ServerSettings, type Sv1Session, type Sv1Share } from "@lode/roles";
import type { FrameConnection, LineConnection } from "@lode/transport";
import type { ChannelWork } from "./miner/channel-work.ts";
import { Miner, submitIfBlock } from "./miner/miner.ts";
import type { MinerContext } from "./miner/miner-context.ts";
import { type MinerStatus, minerStatus } from "./miner/miner-status.ts";
import { nameRefusal } from "./miner/share-errors.ts";
import { NameGate } from "./name-gate.ts";
import { Sv2Server } from "./sv2/sv2-server.ts";
import type { LinkSettings, UpstreamLink } from "./upstream/upstream-link.ts";
import {
  type FailoverSettings,
  type UpstreamStatus,
  Upstreams,
  type UpstreamsDeps,
} from "./upstream/upstreams.ts";

/** What a proxy is told. Times in milliseconds. */
export interface ProxySettings {
  readonly upstreams: readonly LinkSettings[];
  readonly failover: FailoverSettings;
  readonly sv1: Sv1ServerSettings;
  /** Null: the miner's own name is the channel's user_identity. Else this name, with the miner's worker behind it. */
  readonly fixedIdentity: string | null;
  readonly assumedHashrate: number;
  readonly sharesPerMinute: number;
  /** A share without the pool's answer for this long ends its miner's connection. */
  readonly answerMs: number;
  /** Without a pool for this long, miners are sent to their backups. */
  readonly outageCloseMs: number;
}

/** What a proxy needs. */
export interface ProxyDeps extends UpstreamsDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly random: Random;
}

/** What a person wants to know of a running proxy. */
export interface ProxyStatus {
  /** The pool in use. */
  readonly upstream: string | null;
  /** Every pool, in order of preference. */
  readonly upstreams: readonly UpstreamStatus[];
  readonly connections: number;
  readonly sv2_connections: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly miners: readonly MinerStatus[];
}

/** Stratum V1 miners in front, Stratum V2 pools behind: one channel for each miner, opened in the name it told. */
export class MiningProxy {
  readonly #settings: ProxySettings;
  readonly #deps: ProxyDeps;
  readonly #server: Sv1Server<ChannelWork>;
  readonly #sv2: Sv2Server;
  readonly #upstreams: Upstreams;
  readonly #names: NameGate;
  readonly #miners = new Map<Sv1Session<ChannelWork>, Miner>();
  readonly #context: MinerContext;
  readonly #rejected = new Map<string, Counter>();
  readonly #unanswered: Counter;
  readonly #sweep: Timer;
  #outage: Timer | undefined;
  #draining = false;
  #accepted = 0;
  #refused = 0;

  constructor(settings: ProxySettings, deps: ProxyDeps) {
    this.#settings = settings;
    this.#deps = deps;
    const { clock, metrics, random, logger } = deps;
    this.#names = new NameGate(clock);
    this.#context = this.#minerContext();
    this.#unanswered = metrics.counter(
      "lode_proxy_unanswered_closes_total",
      "Miners whose connection was ended because the pool did not answer a share in time",
    );
    metrics.gauge(
      "lode_proxy_channels",
      "Open channels upstream",
      {},
      () => this.#upstreams.active?.channels ?? 0,
    );
    metrics.gauge(
      "lode_proxy_openings",
      "Channels that were asked for and are not open yet",
      {},
      () => this.#upstreams.active?.openings ?? 0,
    );
    this.#server = new Sv1Server<ChannelWork>({
      clock,
      random,
      metrics,
      settings: settings.sv1,
      host: {
        lobbyWork: () => this.#upstreams.active?.lobbyWork,
        onAuthorize: (session, user) => this.#onAuthorize(session, user),
        onShare: (session, share) => this.#onShare(session, share),
        onLostShare: (session, share) => this.#onLostShare(session, share),
        onWishes: (session) => this.#miners.get(session)?.onWishes(),
        onEnd: (session) => this.#onEnd(session),
      },
    });
    this.#sv2 = new Sv2Server({
      clock,
      logger,
      metrics,
      answerMs: settings.answerMs,
      context: {
        link: () => this.#upstreams.active,
        identityOf: (userIdentity) => this.#identityOf(userIdentity),
        enter: (bearer) => this.#names.enter(bearer),
        onNameAccepted: (identity) => this.#names.onAccepted(identity),
        onNameRefused: (identity, errorCode) => this.#names.onRefused(identity, nameRefusal(errorCode)),
        onForwarded: () => this.#context.onForwarded(),
        onAccepted: (count) => {
          for (let share = 0; share < count; share++) this.#context.onAccepted();
        },
        onRefused: (errorCode) => this.#context.onRejected(errorCode),
        onBlock: () => this.#context.onBlock(),
      },
    });
    this.#upstreams = new Upstreams(
      settings.upstreams,
      settings.failover,
      {
        onActive: (link, previous) => this.#onActive(link, previous),
        onInactive: () => this.#onInactive(),
        onLobbyWork: (work, newTip) => this.#onLobbyWork(work, newTip),
        onLost: (link) => {
          for (const miner of this.#miners.values()) miner.onLinkLost(link);
          this.#sv2.onLinkOver(link);
        },
      },
      { clock, logger, metrics, dial: deps.dial },
    );
    this.#sweep = clock.every(SWEEP_MS, () => this.#lookForAnswers());
  }

  /** Looks for a pool from now on. */
  start(): void {
    this.#upstreams.start();
  }

  /** Why a new miner is turned away at the moment; null: welcome. A pool that is gone must not keep miners busy. */
  readonly admit = (): string | null =>
    this.#draining ? "draining" : this.#upstreams.active === undefined ? "no-pool" : null;

  /** A Stratum V1 miner. */
  accept(connection: LineConnection): void {
    this.#server.accept(connection);
  }

  /** A Stratum V2 miner, or a proxy. */
  acceptSv2(connection: FrameConnection): void {
    this.#sv2.accept(connection);
  }

  /** What is wrong, for a readiness probe. */
  notReady(): string[] {
    const reason = this.admit();
    return reason === null ? [] : [reason];
  }

  status(): ProxyStatus {
    const now = this.#deps.clock.monotonic();
    return {
      upstream: this.#upstreams.active?.name ?? null,
      upstreams: this.#upstreams.status(),
      connections: this.#server.sessions.size,
      sv2_connections: this.#sv2.connections,
      accepted: this.#accepted,
      rejected: this.#refused,
      miners: [...this.#miners.values()].map((miner) => minerStatus(miner, now)),
    };
  }

  /** Closes every miner's connection in its own slot, then the pools'. */
  async drain(windowMs: number): Promise<void> {
    this.#draining = true;
    await this.#server.drain(windowMs);
    this.#sv2.end("draining");
    this.stop();
  }

  stop(): void {
    this.#draining = true;
    this.#sweep.cancel();
    this.#outage?.cancel();
    this.#server.stop();
    this.#upstreams.stop();
  }

  #onAuthorize(session: Sv1Session<ChannelWork>, user: string): void {
    const identity = this.#identityOf(user);
    const miner = new Miner(session, identity, this.#context);
    const refusal = this.#names.enter({
      identity,
      remoteAddress: session.connection.remoteAddress,
      get isWaiting() {
        return session.isOpen;
      },
      ask: () => this.#ask(miner),
    });
    if (refusal !== undefined) session.refuseName(refusal);
  }

  /** Without a pool a miner waits for the next. */
  #ask(miner: Miner): void {
    this.#miners.set(miner.session, miner);
    const link = this.#upstreams.active;
    if (link !== undefined) miner.moveTo(link);
  }

  #identityOf(user: string): string {
    const { fixedIdentity } = this.#settings;
    if (fixedIdentity === null) return cutToBytes(user.trim(), MOST_IDENTITY_BYTES);
    const { name, worker } = splitIdentity(user);
    return cutToBytes(`${fixedIdentity}.${worker === "" ? name : worker}`, MOST_IDENTITY_BYTES);
  }

  #onShare(session: Sv1Session<ChannelWork>, share: Sv1Share<ChannelWork>): void {
    const miner = this.#miners.get(session);
    if (miner === undefined)
      session.refuse(share.id, Sv1ErrorCode.unauthorized, "nobody is authorized", true);
    else miner.onShare(share);
  }

  #onLostShare(session: Sv1Session<ChannelWork>, share: Sv1Share<ChannelWork>): void {
    const miner = this.#miners.get(session);
    const link = this.#upstreams.active;
    if (miner !== undefined) miner.onLostShare(share);
    else if (link !== undefined && submitIfBlock(link, session, share)) this.#context.onBlock();
  }

  #onEnd(session: Sv1Session<ChannelWork>): void {
    this.#miners.get(session)?.leave();
    this.#miners.delete(session);
  }

  #onActive(link: UpstreamLink, previous: UpstreamLink | undefined): void {
    this.#outage?.cancel();
    this.#outage = undefined;
    for (const session of this.#server.sessions) {
      const miner = this.#miners.get(session);
      if (miner !== undefined) miner.moveTo(link);
      else if (link.lobbyWork !== undefined) session.setWork(link.lobbyWork, true);
    }
    if (previous !== undefined)
      this.#deps.logger.info({ miners: this.#miners.size }, "miners move to another pool");
  }

  #onInactive(): void {
    const { clock, logger } = this.#deps;
    this.#outage ??= clock.after(this.#settings.outageCloseMs, () => {
      logger.error({ miners: this.#miners.size }, "no pool is reachable; miners are sent to their backups");
      for (const session of this.#server.sessions) session.close("no-pool");
      this.#sv2.end("no-pool");
    });
  }

  /** For miners that nobody is authorized for yet; the others have jobs of their own. */
  #onLobbyWork(work: ChannelWork, newTip: boolean): void {
    for (const session of this.#server.sessions)
      if (!this.#miners.has(session)) session.setWork(work, newTip);
  }

  /** Ends who waits too long for an answer, and a pool that does not answer at all. */
  #lookForAnswers(): void {
    this.#names.pump();
    const { clock, logger } = this.#deps;
    const due = clock.monotonic() - this.#settings.answerMs;
    let late: UpstreamLink | undefined;
    for (const miner of this.#miners.values()) {
      const { waitingSince } = miner;
      if (waitingSince === undefined || waitingSince > due) continue;
      this.#unanswered.inc();
      late ??= miner.link;
      miner.session.close("no-answer");
    }
    const lateSv2 = this.#sv2.endLate(clock.monotonic());
    if (lateSv2 > 0) this.#unanswered.inc(lateSv2);
    if (late !== undefined && late.heardAt <= due) {
      logger.error({ upstream: late.name }, "the pool answers nothing any more");
      late.destroy("no-answer");
    }
  }

  #minerContext(): MinerContext {
    const { clock, metrics } = this.#deps;
    const forwarded = metrics.counter("lode_proxy_shares_forwarded_total", "Shares handed in at a pool");
    const accepted = metrics.counter("lode_proxy_shares_accepted_total", "Shares that a pool accepted");
    const lost = metrics.counter(
      "lode_proxy_shares_lost_total",
      "Shares whose answer never came, because the connection to the pool broke or the miner left",
    );
    const blocks = metrics.counter("lode_proxy_blocks_total", "Shares that meet the network's target");
    const names = metrics.counter("lode_proxy_names_refused_total", "Names that a pool refused");
    return {
      clock,
      assumedHashrate: this.#settings.assumedHashrate,
      sharesPerMinute: this.#settings.sharesPerMinute,
      answerSeconds: metrics.histogram(
        "lode_proxy_answer_seconds",
        "From a share's arrival to the pool's answer",
        ANSWER_BUCKETS,
      ),
      onNameRefused: (session, identity, text) => {
        names.inc();
        this.#miners.delete(session);
        this.#names.onRefused(identity, text);
      },
      onNameAccepted: (identity) => this.#names.onAccepted(identity),
      onForwarded: () => forwarded.inc(),
      onAccepted: () => {
        this.#accepted += 1;
        accepted.inc();
      },
      onRejected: (errorCode) => {
        this.#refused += 1;
        this.#countRejected(errorCode);
      },
      onLost: (count) => lost.inc(count),
      onBlock: () => {
        blocks.inc();
        this.#deps.logger.info({}, "a miner found a block; it is handed in at the pool");
      },
    };
  }

  /** Codes come from the pool: only so many are told apart. */
  #countRejected(errorCode: string): void {
    let counter = this.#rejected.get(errorCode);
    if (counter === undefined) {
      const code = this.#rejected.size < MOST_CODES ? errorCode : "other";
      const help = "Shares refused by a pool or by the proxy's own check, by the pool's error code";
      counter = this.#deps.metrics.counter("lode_proxy_shares_rejected_total", help, { code });
      if (code !== "other") this.#rejected.set(errorCode, counter);
    }
    counter.inc();
  }
}

/** A user_identity is a STR0_255: cut where a character ends. */
function cutToBytes(text: string, maximum: number): string {
  let cut = text;
  while (Buffer.byteLength(cut) > maximum) cut = cut.slice(0, -1);
  return cut;
}

const MOST_IDENTITY_BYTES = 255;
const SWEEP_MS = 500;
const MOST_CODES = 32;
const ANSWER_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
