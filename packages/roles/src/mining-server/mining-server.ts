import { internalToDisplay } from "@lode/bitcoin";
import {
  type AcceptedShare,
  type Channel,
  type Instant,
  instantOf,
  type MiningJob,
  poolPayee,
  type Template,
  type Tip,
} from "@lode/mining";
import type { Timer } from "@lode/ports";
import { MiningFlags, MiningSuccessFlags, Protocol } from "@lode/protocol";
import type { FrameConnection } from "@lode/transport";
import type { MiningEndReason } from "../session/end-reasons.ts";
import { ServerSetup, type ServerSetupPolicy } from "../setup/server-setup.ts";
import { ChannelRegistry } from "./channels/channel-registry.ts";
import { NewAccounts } from "./channels/new-accounts.ts";
import { OpenQueue } from "./channels/open-queue.ts";
import { PayeesInUse } from "./channels/payees-in-use.ts";
import { HashrateMeter } from "./hashrate-meter.ts";
import { FanOutPass } from "./jobs/fan-out-pass.ts";
import { JobSupply } from "./jobs/job-supply.ts";
import { ClosingQueue } from "./pacing/closing-queue.ts";
import { Slices, type Steps } from "./pacing/slices.ts";
import type { MiningServerDeps, MiningServerStats } from "./server-contract.ts";
import { ServerMetrics } from "./server-metrics.ts";
import { type MinerMessage, minerMessages } from "./session/miner-messages.ts";
import { MiningSession } from "./session/mining-session.ts";
import type { SessionContext } from "./session/session-context.ts";
import { type MiningServerSettings, miningServerDefaults } from "./settings.ts";

const ALL_FLAGS =
  MiningFlags.requiresStandardJobs | MiningFlags.requiresWorkSelection | MiningFlags.requiresVersionRolling;

const onlyThePool = { of: () => poolPayee, hold() {}, letGo() {} };

/** Steps in a round of looking at the channels. */
const ROUND_PARTS = 10;
/** Channels that are looked at in one turn of the event loop: a millisecond's work. */
const ROUND_SLICE = 256;

/**
 * The server side of the mining protocol (SV2 chapter 5) over any number of connections: hands out jobs, judges shares,
 * answers them once they are durable. Owns no socket and no database.
 */
export class MiningServer {
  readonly #deps: MiningServerDeps;
  readonly #settings: MiningServerSettings;
  readonly #context: SessionContext;
  readonly #policy: ServerSetupPolicy<MinerMessage>;
  /** Every connection, those being set up included. */
  readonly #connections = new Map<number, ServerSetup<MinerMessage>>();
  readonly #sessions = new Map<number, MiningSession>();
  readonly #ticker: Timer;
  readonly #round: Slices;
  readonly #fanOut: FanOutPass<MiningSession>;
  /** Channels whose new target must wait: too soon after the last one, or too much is queued for the peer. */
  #retargets = new Set<Channel>();
  /** Channels that are visited at every step. */
  #frequent = new Set<Channel>();
  #refusing: MiningEndReason | undefined;
  #onEmpty: (() => void) | undefined;
  #drained: Promise<void> | undefined;

  constructor(deps: MiningServerDeps, settings: Partial<MiningServerSettings> = {}) {
    this.#deps = deps;
    this.#settings = { ...miningServerDefaults, ...settings };
    this.#context = this.#createContext();
    this.#policy = this.#createPolicy();
    this.#fanOut = this.#createFanOut();
    this.#round = new Slices(deps.clock, ROUND_SLICE);
    this.#ticker = deps.clock.every(this.#settings.roundMs / ROUND_PARTS, () => {
      // On a machine that does not get around to it, the round takes longer.
      if (!this.#round.busy) this.#round.begin(this.#partOfRound());
    });
  }

  /** Takes over a new connection, handshake done and not started. */
  accept(connection: FrameConnection): void {
    if (this.#refusing !== undefined) {
      this.#context.metrics.closedConnections.inc(this.#refusing);
      connection.close(this.#refusing);
      return;
    }
    const { clock, logger } = this.#deps;
    const setup = new ServerSetup(connection, this.#policy, {
      clock,
      logger,
      counters: this.#context.metrics.reader,
    });
    this.#connections.set(connection.id, setup);
  }

  /** Turns a new connection away at once; it is counted by this reason. */
  refuse(connection: FrameConnection, reason: MiningEndReason): void {
    this.#context.metrics.closedConnections.inc(reason);
    connection.destroy(reason);
  }

  /**
   * Makes a job of a template and brings it to every channel: as a future job and SetNewPrevHash where the tip is new, else
   * as a job to mine on at once. A new tip goes to every connection at once, except to those that hold many channels
   * without work. They, and all updates on the same tip, are served in batches that a new tip overtakes.
   *
   * @throws CoinbaseError, NativeError when no job can be made of it; miners keep the last one then
   */
  onTemplate(template: Template, tip: Tip): void {
    const { supply, metrics } = this.#context;
    const { frames, newTip } = supply.onTemplate(template, tip);
    if (newTip) {
      this.#fanOut.cancel();
      const now = instantOf(this.#deps.clock);
      for (const session of this.#sessions.values()) {
        if (session.publishesFirst) session.publish(frames, now);
      }
    }
    const seconds = newTip ? metrics.newTip : metrics.sameTip;
    this.#fanOut.start(() =>
      seconds.observe(Math.max(0, this.#deps.clock.now() - frames.job.createdAt) / 1000),
    );
  }

  /** The job everybody is to mine on; undefined before the first template. */
  get job(): MiningJob | undefined {
    return this.#context.supply.newest?.job;
  }

  /**
   * Gives a channel another extranonce prefix (SetExtranoncePrefix, SV2 5.3.10), with a job to use it on. Not for firmware that
   * ignores the message: its shares would all be refused.
   *
   * @returns false when there is no such channel, or no prefix to give
   */
  moveExtranoncePrefix(connectionId: number, channelId: number): boolean {
    const session = this.#sessions.get(connectionId);
    return session?.moveExtranoncePrefix(channelId, instantOf(this.#deps.clock)) ?? false;
  }

  /** Payout scripts that stand in the books: they never count as new accounts. */
  knowAccounts(scripts: Iterable<Uint8Array>): void {
    for (const script of scripts) this.#context.accounts.know(script);
  }

  /** Answers shares that are durable now: one SubmitShares.Success per channel (SV2 5.3.13). */
  acknowledge(shares: readonly AcceptedShare[]): void {
    const answered: MiningSession[] = [];
    let session: MiningSession | undefined;
    for (const share of shares) {
      if (session?.id !== share.connectionId) session = this.#sessions.get(share.connectionId);
      if (session?.onDurable(share)) answered.push(session);
    }
    for (const each of answered) each.answer();
  }

  /**
   * Closes every connection there is, soon and some in every turn of the event loop: what has come from each is read before. New
   * ones are still accepted. Resolves when all were told to close; their peers may take their time.
   */
  closeAll(reason: MiningEndReason): Promise<void> {
    const connections = [...this.#connections];
    return new Promise((resolve) => this.#context.closings.add(this.#endAll(connections, reason, resolve)));
  }

  /**
   * Closes every connection in its own slot of the window, each after what it sent before was answered. New connections
   * are refused from now on. Resolves when all are gone; the server is over then. A second call changes nothing.
   */
  drain({ windowMs }: { windowMs: number }): Promise<void> {
    this.#drained ??= this.#drain(windowMs);
    return this.#drained;
  }

  stats(): MiningServerStats {
    const { channels, metrics, rate } = this.#context;
    return {
      connections: this.#sessions.size,
      channels: channels.standard + channels.extended,
      standardChannels: channels.standard,
      extendedChannels: channels.extended,
      ...metrics.shares,
      hashrate: rate.rate(this.#deps.clock.monotonic()),
    };
  }

  *#endAll(
    connections: readonly (readonly [number, ServerSetup<MinerMessage>])[],
    reason: MiningEndReason,
    onDone: () => void,
  ): Steps {
    for (const [conn_id, connection] of connections) {
      try {
        connection.end(reason);
      } catch (err) {
        this.#deps.logger.error({ conn_id, reason, err }, "a connection could not be closed");
      }
      yield 1;
    }
    onDone();
  }

  /** Vardiff, fresh jobs where they are due, and targets that had to wait. */
  *#partOfRound(): Steps {
    const { clock } = this.#deps;
    const { roundMs } = this.#settings;
    const hurried = this.#frequent;
    this.#frequent = new Set();
    for (const channel of this.#context.channels.next()) {
      if (!hurried.has(channel)) this.#visit(channel, instantOf(clock), roundMs);
      yield 1;
    }
    for (const channel of hurried) {
      this.#visit(channel, instantOf(clock), roundMs / ROUND_PARTS);
      yield 1;
    }
    const retargets = this.#retargets;
    this.#retargets = new Set();
    for (const channel of retargets) {
      this.#sessions.get(channel.connectionId)?.retarget(channel, instantOf(clock));
      yield 1;
    }
  }

  #visit(channel: Channel, now: Instant, untilNextMs: number): void {
    this.#sessions.get(channel.connectionId)?.visit(channel, now, untilNextMs);
  }

  async #drain(windowMs: number): Promise<void> {
    this.#refusing = "draining";
    for (const [id, connection] of this.#connections) {
      if (!this.#sessions.has(id)) connection.end("draining");
    }
    const sessions = [...this.#sessions.values()];
    const slots = sessions.map((session, index) =>
      this.#deps.clock.after((windowMs * index) / sessions.length, () => session.drain()),
    );
    if (this.#connections.size > 0) {
      await new Promise<void>((resolve) => {
        this.#onEmpty = resolve;
      });
    }
    for (const slot of slots) slot.cancel();
    this.#fanOut.cancel();
    this.#ticker.cancel();
    this.#round.cancel();
  }

  #createFanOut(): FanOutPass<MiningSession> {
    const { supply } = this.#context;
    return new FanOutPass({
      clock: this.#deps.clock,
      sessions: () => this.#sessions.values(),
      serve: (session) => {
        const { newest } = supply;
        return newest === undefined ? 0 : session.publish(newest, instantOf(this.#deps.clock));
      },
    });
  }

  #createContext(): SessionContext {
    const { clock, logger, metrics, jobFactory, extranonces, sink, identify, subnetOf, onBlock, admission } =
      this.#deps;
    const channels = new ChannelRegistry(this.#settings, ROUND_PARTS);
    const openings = new OpenQueue(clock);
    const rate = new HashrateMeter(clock.monotonic());
    return {
      clock,
      logger,
      settings: this.#settings,
      metrics: new ServerMetrics(metrics, {
        clients: () => this.#sessions.size,
        standardChannels: () => channels.standard,
        extendedChannels: () => channels.extended,
        idleChannels: () => channels.idle,
        waitingOpenings: () => openings.size,
        hashrate: () => rate.rate(clock.monotonic()),
      }),
      supply: new JobSupply(jobFactory, extranonces, clock),
      channels,
      payees: new PayeesInUse(this.#deps.payees ?? onlyThePool, this.#settings),
      accounts: new NewAccounts(clock, this.#settings),
      openings,
      closings: new ClosingQueue(clock),
      subnetOf: subnetOf ?? ((remoteAddress) => remoteAddress),
      sink,
      rate,
      identify,
      admission,
      onBlock(found) {
        try {
          onBlock(found);
        } catch (error) {
          logger.error(
            { err: error, block_hash: internalToDisplay(found.hash) },
            "a found block could not be handed over",
          );
        }
      },
      retargetLater: (channel) => this.#retargets.add(channel),
      onFrequentJobs: (channel) => this.#frequent.add(channel),
    };
  }

  #createPolicy(): ServerSetupPolicy<MinerMessage> {
    return {
      protocol: Protocol.mining,
      supportedFlags: ALL_FLAGS,
      // SV2 5.3.1: work selection needs extended channels; version rolling is always allowed.
      successFlags: (requested) =>
        (requested & MiningFlags.requiresWorkSelection) === 0
          ? 0
          : MiningSuccessFlags.requiresExtendedChannels,
      extensions: this.#settings.extensions,
      deadlineMs: this.#settings.setupTimeoutMs,
      decoder: minerMessages,
      open: (peer, reader) => {
        const { connection } = reader;
        const session = new MiningSession(this.#context, peer, reader, (reason) =>
          this.#onGone(connection, reason),
        );
        this.#sessions.set(session.id, session);
        return session;
      },
      onAbandoned: (connection, reason) => this.#onGone(connection, reason),
    };
  }

  #onGone({ id }: FrameConnection, reason: string): void {
    this.#context.metrics.closedConnections.inc(reason);
    this.#sessions.delete(id);
    this.#connections.delete(id);
    if (this.#connections.size === 0) this.#onEmpty?.();
  }
}
