import { newRun, type ShareStore } from "@lode/ledger";
import { ExtranonceAllocator, type Identity, JobFactory, samePrevHash } from "@lode/mining";
import type { Native } from "@lode/native";
import {
  type Clock,
  DeadlineExceeded,
  type Logger,
  type Metrics,
  type Random,
  type Timer,
  within,
} from "@lode/ports";
import { MiningServer, type MiningServerDeps, type MiningServerSettings } from "@lode/roles";
import type { FrameConnection } from "@lode/transport";
import type { BlockCandidate, CandidateStore } from "./blocks/block-candidates.ts";
import type { BlockNode } from "./blocks/block-node.ts";
import { BlockSubmitter } from "./blocks/block-submitter.ts";
import { type RecorderState, ShareRecorder, type ShareRecorderLimits } from "./shares/share-recorder.ts";
import type { TemplateFeed } from "./templates/template-feed.ts";

/** The world of a pool: everything it reads, writes or asks comes through here. */
export interface PoolDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly native: Pick<Native, "createJob">;
  readonly store: ShareStore;
  readonly feed: TemplateFeed;
  readonly nodes: readonly BlockNode[];
  readonly candidates: CandidateStore;
  /** Whether files of found blocks can be written now; always, if absent. */
  readonly canKeepBlocks?: () => boolean;
  /** Reads a miner's `user_identity`. @throws CodedError whose code goes to the miner */
  readonly identify: (userIdentity: string) => Identity;
  /** Whom blocks pay; `payoutScript` alone if absent. */
  readonly payees?: MiningServerDeps["payees"];
  /** Subnet whose channels are counted together; null: not counted. Without it every address is a block. */
  readonly subnetOf?: (remoteAddress: string) => string | null;
  /** The pool cannot go on: the process must end (exit code 70). */
  readonly onFatal: (reason: string) => void;
  /** Called for every new candidate for a block and every change of one. */
  readonly onBlockChange?: (candidate: BlockCandidate) => void;
  /** The best chain has a new tip. */
  readonly onTip?: () => void;
  readonly onBlockAccepted?: (block: BlockCandidate) => void;
}

export interface PoolSettings {
  /** Script that receives the block reward. */
  readonly payoutScript: Uint8Array;
  /** New coins of the block at a height, satoshi. */
  readonly subsidyAt: (height: number) => bigint;
  /** Tag in the coinbase, at most 60 bytes. */
  readonly tag: Uint8Array;
  /** First extranonce byte: must differ between pool servers that share a chain. */
  readonly serverId: number;
  /** Without any template source: no new channels after this long, milliseconds. */
  readonly outageRefuseMs: number;
  /** Without any template source: connections are closed after this long, milliseconds. */
  readonly outageCloseMs: number;
  /** Nodes that must agree on what became of a found block; at most as many as there are. 2 if absent. */
  readonly confirmNodes?: number;
  /** The store is away for every pool server at once: after this long the pool is not ready, milliseconds; 0 or absent: never. */
  readonly sharedOutageNotReadyMs?: number;
  readonly mining: Partial<MiningServerSettings>;
  readonly recorder: Partial<ShareRecorderLimits>;
}

/** Leaving, a pool waits this long for nodes to answer a block that was just found, milliseconds. */
const BLOCK_ANSWER_MS = 10_000;
/** How long the store may take to note the end of the run; its lease would run out instead. */
const END_OF_RUN_MS = 1_000;

/** What the status line and the API show. */
export interface PoolStatus {
  /** Seconds since the pool was made. */
  readonly uptimeSeconds: number;
  readonly connections: number;
  readonly channels: number;
  readonly acceptedShares: number;
  /** Shares that are durable in the store. */
  readonly recordedShares: number;
  readonly rejectedShares: number;
  readonly blocksAccepted: number;
  /** Height of the block being mined; 0 before the first template. */
  readonly height: number;
  /** Measured from accepted work, hashes per second. */
  readonly hashrate: number;
}

/** A reason why the pool is not ready; the code goes to metrics and to the readiness page. */
export type NotReady = (typeof notReadyReasons)[number];

export const notReadyReasons = [
  "no-template",
  "template-outage",
  "shares-not-recorded",
  "data-dir-not-writable",
  "draining",
] as const;

/**
 * The pool: templates come in through the feed and leave as jobs; shares come in from miners, are recorded, and their
 * answers walk straight back; blocks leave through every path at once.
 */
export class Pool {
  readonly #deps: PoolDeps;
  readonly #settings: PoolSettings;
  readonly #server: MiningServer;
  readonly #recorder: ShareRecorder;
  readonly #submitter: BlockSubmitter;
  readonly #startedAt: number;
  /** Names this process's share batches in the store. */
  readonly run: string;
  #recorded = 0;
  #outageSince: number | null = null;
  /** When the newest template came, monotonic milliseconds. */
  #templateAt: number | null = null;
  #outageClose: Timer | null = null;
  /** Monotonic time since which the store is away; null while it is there. */
  #storeAwaySince: number | null = null;
  #draining = false;

  constructor(deps: PoolDeps, settings: PoolSettings) {
    this.#deps = deps;
    this.#settings = settings;
    this.#startedAt = deps.clock.monotonic();
    this.run = newRun(deps.random);
    for (const reason of notReadyReasons) {
      deps.metrics.gauge("lode_not_ready", "1 while the pool is not ready for this reason", { reason }, () =>
        this.notReady().includes(reason) ? 1 : 0,
      );
    }
    const { clock, random, logger, metrics, native } = deps;
    metrics.gauge(
      "lode_template_age_seconds",
      "Time since the newest template came; NaN before the first",
      {},
      () => (this.#templateAt === null ? Number.NaN : (clock.monotonic() - this.#templateAt) / 1000),
    );
    this.#recorder = new ShareRecorder({
      store: deps.store,
      clock,
      logger,
      metrics,
      run: this.run,
      onDurable: (shares) => {
        this.#recorded += shares.length;
        this.#server.acknowledge(shares);
      },
      onState: (state) => this.#onRecorderState(state),
      limits: settings.recorder,
    });
    this.#submitter = new BlockSubmitter({
      feed: deps.feed,
      nodes: deps.nodes,
      candidates: deps.candidates,
      ...(settings.confirmNodes === undefined ? {} : { confirmNodes: settings.confirmNodes }),
      clock,
      logger,
      metrics,
      run: this.run,
      ...(deps.onBlockChange === undefined ? {} : { onChange: deps.onBlockChange }),
      ...(deps.onBlockAccepted === undefined ? {} : { onAccepted: deps.onBlockAccepted }),
    });
    this.#server = new MiningServer(
      {
        clock,
        logger,
        metrics,
        jobFactory: new JobFactory({
          native,
          tag: settings.tag,
          payoutScript: settings.payoutScript,
          subsidyAt: settings.subsidyAt,
          random,
          clock,
        }),
        ...(deps.payees === undefined ? {} : { payees: deps.payees }),
        extranonces: new ExtranonceAllocator({ serverId: settings.serverId }),
        identify: deps.identify,
        ...(deps.subnetOf === undefined ? {} : { subnetOf: deps.subnetOf }),
        sink: this.#recorder,
        onBlock: (found) => this.#submitter.submit(found),
        admission: () => this.#admission(),
      },
      settings.mining,
    );
  }

  /** Begins to take templates; blocks that an earlier process left open are submitted again. */
  async start(): Promise<void> {
    this.#deps.feed.start({
      onTemplate: (template, tip) => {
        this.#templateAt = this.#deps.clock.monotonic();
        this.#outageSince = null;
        this.#outageClose?.cancel();
        this.#outageClose = null;
        const last = this.#server.job?.tip;
        this.#server.onTemplate(template, tip);
        if (last === undefined || !samePrevHash(last, tip)) {
          this.#submitter.observeTip(tip.prevHash);
          this.#deps.onTip?.();
        }
      },
      onOutage: () => this.#onOutage(),
    });
    this.#recorder.start();
    await this.#submitter.resume();
  }

  /** {@link MiningServer.knowAccounts} */
  knowAccounts(scripts: Iterable<Uint8Array>): void {
    this.#server.knowAccounts(scripts);
  }

  /** Takes a miner's connection. */
  accept(connection: FrameConnection): void {
    const { state } = this.#recorder;
    if (this.#draining) this.#server.refuse(connection, "draining");
    else if (state === "overfull" || state === "failed")
      this.#server.refuse(connection, "shares-not-recorded");
    else this.#server.accept(connection);
  }

  /** Why the pool should get no traffic now; empty when it is ready. */
  notReady(): NotReady[] {
    const reasons: NotReady[] = [];
    if (this.#server.job === undefined) reasons.push("no-template");
    if (this.#outageSince !== null) reasons.push("template-outage");
    if (this.#isStoreReason()) reasons.push("shares-not-recorded");
    if (this.#deps.canKeepBlocks?.() === false) reasons.push("data-dir-not-writable");
    if (this.#draining) reasons.push("draining");
    return reasons;
  }

  /** What is wrong although another pool server would do no better. */
  notes(): NotReady[] {
    return this.#recorder.state === "writable" || this.#isStoreReason() ? [] : ["shares-not-recorded"];
  }

  status(): PoolStatus {
    const stats = this.#server.stats();
    return {
      uptimeSeconds: (this.#deps.clock.monotonic() - this.#startedAt) / 1000,
      connections: stats.connections,
      channels: stats.channels,
      acceptedShares: stats.accepted,
      recordedShares: this.#recorded,
      rejectedShares: stats.rejected,
      blocksAccepted: this.#submitter.acceptedCount,
      height: this.#server.job?.template.height ?? 0,
      hashrate: stats.hashrate,
    };
  }

  /** {@link MiningServer.moveExtranoncePrefix} */
  moveExtranoncePrefix(connectionId: number, channelId: number): boolean {
    return this.#server.moveExtranoncePrefix(connectionId, channelId);
  }

  /**
   * Leaves well: no new channels, every connection closed in its own slot of the window after what was read is answered,
   * then what waits for the store is recorded.
   */
  async drain(windowMs: number): Promise<void> {
    this.#draining = true;
    await this.#server.drain({ windowMs });
    await this.#recorderDrained(windowMs);
    await this.#within(END_OF_RUN_MS, this.#recorder.end());
    await this.#within(BLOCK_ANSWER_MS, this.#submitter.quiet());
    await this.#submitter.settled();
  }

  /** Closes every connection, then stops. Shares that were not answered may or may not be recorded; blocks are in their files. */
  async stop(): Promise<void> {
    this.#draining = true;
    this.#outageClose?.cancel();
    await this.#server.closeAll("shutting-down");
    this.#deps.feed.stop();
    this.#submitter.stop();
    this.#recorder.stop();
    await this.#submitter.settled();
  }

  #recorderDrained(withinMs: number): Promise<void> {
    return this.#within(withinMs, this.#recorder.drained());
  }

  /** Waits for `work`, but not longer. */
  async #within(ms: number, work: Promise<void>): Promise<void> {
    try {
      await within(this.#deps.clock, ms, work);
    } catch (error) {
      if (!(error instanceof DeadlineExceeded)) throw error;
    }
  }

  /** Opening a channel needs no database, only somewhere for its shares to go and something to mine. */
  #admission(): string | null {
    if (this.#draining) return "pool-draining";
    if (this.#recorder.state !== "writable") return "pool-not-ready";
    if (this.#server.job === undefined) return "pool-not-ready";
    const outage = this.#outageSince === null ? 0 : this.#deps.clock.monotonic() - this.#outageSince;
    return outage > this.#settings.outageRefuseMs ? "pool-not-ready" : null;
  }

  #onOutage(): void {
    this.#outageSince ??= this.#deps.clock.monotonic();
    this.#outageClose ??= this.#deps.clock.after(this.#settings.outageCloseMs, () => {
      this.#deps.logger.error(
        {},
        "no templates for too long; closing connections so that miners use their backups",
      );
      void this.#server.closeAll("no-template");
    });
  }

  /**
   * A store that is away is away for every pool server, and load balancers cut the connections of servers that are not
   * ready. One that has failed for good, or holds so much that connections are closed, should get no new ones.
   */
  #isStoreReason(): boolean {
    const { state } = this.#recorder;
    if (state !== "holding") return state !== "writable";
    const { sharedOutageNotReadyMs: patience = 0 } = this.#settings;
    const since = this.#storeAwaySince ?? this.#deps.clock.monotonic();
    return patience > 0 && this.#deps.clock.monotonic() - since >= patience;
  }

  #onRecorderState(state: RecorderState): void {
    this.#storeAwaySince =
      state === "writable" ? null : (this.#storeAwaySince ?? this.#deps.clock.monotonic());
    if (state === "overfull") void this.#server.closeAll("shares-not-recorded");
    if (state === "failed") this.#deps.onFatal("shares cannot be recorded: a batch key is taken");
  }
}
