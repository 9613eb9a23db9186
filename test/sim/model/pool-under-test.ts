import { equalBytes, internalToDisplay } from "@lode/bitcoin";
import type { ShareRecord } from "@lode/ledger";
import { type Identity, PayeeBook, parseIdentity, payoutModes } from "@lode/mining";
import { native } from "@lode/native";
import { Pool, type PoolDeps } from "@lode/pool-server";
import { CodedError } from "@lode/ports";
import type { Prng } from "@lode/testing/random";
import type { FrameConnection } from "@lode/transport";
import type { PlantedBug } from "../planted-bugs.ts";
import type { Chain, IssuedTemplate } from "../world/chain.ts";
import { ProcessClock } from "../world/process-clock.ts";
import type { SimulatedDisk } from "../world/simulated-disk.ts";
import { SimulatedFeed } from "../world/simulated-feed.ts";
import type { SimulatedNode } from "../world/simulated-nodes.ts";
import type { SimulatedStore } from "../world/simulated-store.ts";
import type { World } from "../world/world.ts";
import { BlockWatch, RESUME_MS } from "./block-watch.ts";
import { JudgedConnection } from "./judged-connection.ts";
import type { NaiveChannel } from "./naive-channel.ts";
import { type FrameEffects, watchingLogger, watchingMetrics } from "./observations.ts";
import { FEE_SCRIPT, POOL_SCRIPT, type PoolLimits, settingsFor } from "./pool-limits.ts";

/** What outlives a pool process. */
export interface Surroundings {
  readonly world: World;
  readonly chain: Chain;
  readonly store: SimulatedStore;
  readonly disk: SimulatedDisk;
  readonly nodes: readonly SimulatedNode[];
  /** Gives out connection ids; never twice. */
  readonly takeConnectionId: () => number;
  /** Notes an accepted header. @returns false if it was accepted before, by whatever process */
  readonly credit: (hash: string) => boolean;
  readonly bug: PlantedBug | null;
}

/** One pool process, from its start to its crash or its end, and everything that is known about it from outside. */
export class PoolUnderTest {
  readonly surroundings: Surroundings;
  readonly limits: PoolLimits;
  readonly clock: ProcessClock;
  readonly #pool: Pool;
  readonly #feed: SimulatedFeed;
  readonly connections = new Map<number, JudgedConnection>();
  /** Connections that are gone, as long as shares of theirs may still be recorded. */
  readonly #past = new Map<number, JudgedConnection>();
  readonly blocks: BlockWatch;
  /** The frame the pool is working on. */
  handling: { readonly connection: JudgedConnection; readonly effects: FrameEffects } | null = null;
  run: string | null = null;
  draining = false;
  /** Virtual time at which it began to drain. */
  drainingSince = Number.POSITIVE_INFINITY;
  #drainedAt = 0;
  /** Shares of this process that are in the store. */
  durable = 0;
  #lastConfirmation = 0;
  #waitingSince: number | null = null;
  /** When a share came last that may wait for the store. */
  #withinBoundAt = 0;
  readonly #gauges = new Map<string, () => number>();
  readonly #identify: PoolDeps["identify"];
  readonly #diskErrors: number;

  constructor(surroundings: Surroundings, limits: PoolLimits, prng: Prng) {
    this.surroundings = surroundings;
    this.limits = limits;
    const { world, store, disk, bug } = surroundings;
    this.blocks = new BlockWatch(world);
    this.#identify = payoutModes((userIdentity) => parseIdentity(userIdentity, "regtest"), {
      solo: limits.solo,
      sriIdentities: true,
      donee: { payoutScript: POOL_SCRIPT, address: "pool" },
      soloFeeBasisPoints: limits.feeBasisPoints,
    });
    const fee = { script: FEE_SCRIPT, basisPoints: limits.feeBasisPoints };
    this.#diskErrors = world.faults.get("disk-error") ?? 0;
    this.clock = new ProcessClock(world.clock, () => world.wallOffset);
    this.#feed = new SimulatedFeed(surroundings.chain, this.clock, prng.fork(), (sourceId, solution) => {
      if (this.handling === null) world.violate("block-submitted", "a solution without a share");
      this.handling?.effects.solutions.push({ sourceId, solution });
    });
    const session = store.session(this.clock, (run) => {
      this.run = run;
    });
    const deps: PoolDeps = {
      clock: this.clock,
      random: (size) => prng.bytes(size),
      logger: watchingLogger(world),
      metrics: watchingMetrics(world, () => this.handling?.effects ?? null, this.#gauges),
      native,
      store: {
        commit: async (batch) => {
          await session.commit(batch);
          this.#lastConfirmation = world.clock.monotonic();
        },
        renew: (run, ended) => session.renew(run, ended),
      },
      feed: this.#feed,
      nodes: surroundings.nodes.map((node) =>
        node.target(this.clock, {
          onAttempt: (name, hash) => this.#onAttempt(name, hash),
          onAnswer: (name, hash) => this.blocks.onAnswer(name, hash),
        }),
      ),
      candidates: disk.session(this.clock, (open) => {
        for (const { hash, block, state } of open) {
          if (block !== null && (state === "found" || state === "submitted")) this.blocks.addOpen(hash);
        }
      }),
      identify: this.#identify,
      payees: new PayeeBook({
        native,
        poolScript: POOL_SCRIPT,
        ...(fee.basisPoints === 0 ? {} : { soloFee: fee }),
      }),
      onFatal: (reason) => world.violate("contained", `the pool gave up: ${reason}`),
      onBlockAccepted: ({ hash }) => this.blocks.onAccepted(hash),
    };
    const settings = settingsFor(limits);
    const recorder = { ...settings.recorder, overfullBytes: 2 ** 40, overfullAfterMs: 2 ** 40 };
    this.#pool = new Pool(
      { ...deps, ...bug?.deps?.(deps) },
      bug?.unbounded ? { ...settings, recorder } : settings,
    );
    const unfinished = disk.unfinished();
    this.clock.after(RESUME_MS, () => this.blocks.checkResumed(unfinished, disk.unfinished()));
    this.#pool
      .start()
      .catch((error: unknown) => world.violate("contained", `start failed: ${String(error)}`));
  }

  get world(): World {
    return this.surroundings.world;
  }

  get chain(): Chain {
    return this.surroundings.chain;
  }

  get nodes(): readonly SimulatedNode[] {
    return this.surroundings.nodes;
  }

  /** Moves a channel to another extranonce prefix. @returns which */
  movePrefix(prng: Prng): string {
    const able = [...this.connections.values()].filter(
      ({ ended, channels }) => ended === null && channels.size > 0,
    );
    if (able.length === 0) return "nobody";
    const connection = prng.pick(able);
    const channelId = prng.pick([...connection.channels.keys()]);
    const moved = this.#pool.moveExtranoncePrefix(connection.id, channelId);
    if (moved) this.world.reach("prefix moved");
    return `channel ${channelId} of connection ${connection.id}: ${moved}`;
  }

  get status(): ReturnType<Pool["status"]> {
    return this.#pool.status();
  }

  /** What is wrong with it, also where another pool server would do no better. */
  get notReady(): readonly string[] {
    return [...this.#pool.notReady(), ...this.#pool.notes()];
  }

  get waitingShares(): number {
    return this.#gauges.get("lode_shares_waiting")!();
  }

  /** What the pool was given to mine on. */
  get delivered(): IssuedTemplate | null {
    return this.#feed.delivered;
  }

  /** The store was healthy for all of the drain. */
  get storeWasWell(): boolean {
    const { store } = this.surroundings;
    return store.health === "healthy" && store.lastTrouble < this.#drainedAt - 10_000;
  }

  /** The disk has failed since the process began. */
  get sawDiskErrors(): boolean {
    return (this.world.faults.get("disk-error") ?? 0) > this.#diskErrors;
  }

  /** How long shares have waited without a confirmation from the store, milliseconds. */
  longestWait(): number {
    if (this.waitingShares === 0) this.#waitingSince = null;
    if (this.#waitingSince === null) return 0;
    return this.world.clock.monotonic() - Math.max(this.#waitingSince, this.#lastConfirmation);
  }

  /** Channels that are open, whatever their connection's state. */
  *channels(): Iterable<NaiveChannel> {
    for (const connection of this.connections.values()) yield* connection.channels.values();
  }

  /** A miner's wire reaches the process. @param writeQueueBytes what may wait for the miner */
  accept(wire: FrameConnection, writeQueueBytes: number): JudgedConnection {
    const id = this.surroundings.takeConnectionId();
    const connection = new JudgedConnection(id, wire, this, writeQueueBytes);
    const refusable = this.notReady.some((reason) => REFUSE_CONNECTIONS.has(reason));
    this.connections.set(id, connection);
    this.#pool.accept(this.surroundings.bug?.connection?.(connection) ?? connection);
    if (connection.ended !== null && !refusable) {
      this.world.violate("right-verdict", `a connection was refused for no reason: ${connection.ended}`);
    }
    return connection;
  }

  /** Why a channel must, or may, be refused now. */
  reasonsToRefuse(): { readonly must: readonly string[]; readonly may: readonly string[] } {
    const reasons = this.notReady;
    return {
      must: reasons.filter((reason) => reason !== "template-outage"),
      may: reasons.filter((reason) => reason === "template-outage"),
    };
  }

  /** Whether a cap leaves room for another channel of a connection. `scarce`: it may be kept for others, or may not. */
  roomFor(connection: JudgedConnection): "free" | "scarce" | "none" {
    const { maxChannels, maxChannelsPerConnection } = this.limits;
    const all = [...this.channels()];
    const own = connection.channels.size;
    const asked = connection.askedFor;
    // Those asked for count as well.
    if (this.isFull(connection) || own + asked >= maxChannelsPerConnection) return "none";
    let askedByAll = 0;
    for (const { askedFor } of this.connections.values()) askedByAll += askedFor;
    if (asked > 0 && askedByAll >= maxChannels) return "scarce";
    if (own === 0 || !this.#isHoarded(all, EARNING_MS)) return "free";
    return this.#isHoarded(all, EARNING_MS + ROUND_MS) ? "none" : "scarce";
  }

  /** As many channels are open as may be. */
  isFull({ channels }: JudgedConnection): boolean {
    const { maxChannels, maxChannelsPerConnection } = this.limits;
    return channels.size >= maxChannelsPerConnection || [...this.channels()].length >= maxChannels;
  }

  /** Half of what workers leave is taken by channels without a share for `idleMs`. Everybody here comes from one subnet. */
  #isHoarded(channels: readonly NaiveChannel[], idleMs: number): boolean {
    const now = this.world.clock.monotonic();
    const idle = channels.filter(({ acceptedAt }) => now - acceptedAt >= idleMs).length;
    const working = channels.length - idle;
    return idle >= working + FEW_CHANNELS && idle >= this.limits.maxChannels - channels.length;
  }

  /** Who would be paid; null for nobody. */
  identityOf(userIdentity: string): Identity | null {
    try {
      return this.#identify(userIdentity);
    } catch (error) {
      if (error instanceof CodedError) return null;
      throw error;
    }
  }

  /** A share was accepted. */
  onAccepted(hash: string): void {
    const now = this.world.clock.monotonic();
    if (this.waitingShares <= 1) this.#waitingSince = now;
    this.#checkBound(now);
    if (!this.surroundings.credit(hash))
      this.world.violate("no-key-twice", `header ${hash} was credited twice`);
  }

  /** At the bound every connection is closed; what had come by then is still taken. */
  #checkBound(now: number): void {
    const most = Math.floor(this.limits.recorder.overfullBytes / SHARE_BYTES) + 1;
    if (this.waitingShares <= most) this.#withinBoundAt = now;
    else if (now > this.#withinBoundAt) {
      this.world.violate("bounded", `${this.waitingShares} shares wait for the store`);
    }
  }

  /** A share is in the store. */
  onRecord(record: ShareRecord): void {
    this.durable++;
    const connection = this.connections.get(record.connectionId) ?? this.#past.get(record.connectionId);
    const { channelId, sequenceNumber } = record;
    const name = `share ${record.connectionId}/${channelId}/${sequenceNumber}`;
    const channel = connection?.channels.get(channelId) ?? connection?.past.get(channelId);
    const share = channel?.recorded(sequenceNumber);
    if (connection === undefined || channel === undefined || share === null || share === undefined) {
      this.world.violate("no-key-twice", `${name} is recorded but was not accepted, or is recorded twice`);
      return;
    }
    const { payoutScript, worker, solo, donationPercent = 0 } = channel.fields.identity;
    if (share.work !== record.work || record.creditedWork !== (solo ? 0n : share.work)) {
      this.world.violate("true-record", `${name}: work ${record.work}, credited ${record.creditedWork}`);
    }
    const { job, blockHash } = record;
    if (job === null || !equalBytes(job.prevHash, share.prevHash) || job.nbits !== share.nbits) {
      this.world.violate("true-record", `${name} is recorded for another tip`);
    }
    const wantedClass = solo || donationPercent === 0 ? 0 : 100 + donationPercent;
    if (job?.kind !== (solo ? "solo" : "pool") || record.feeClass !== wantedClass) {
      this.world.violate("true-record", `${name} is recorded as ${job?.kind}, class ${record.feeClass}`);
    }
    if ((blockHash === null ? null : internalToDisplay(blockHash)) !== share.blockHash) {
      this.world.violate("true-record", `${name}: block ${share.blockHash}`);
    }
    if (!equalBytes(payoutScript, record.payoutScript) || worker !== record.worker) {
      this.world.violate("true-record", `${name} is credited to somebody else`);
    }
    if (channel.unrecorded.size === 0 && connection.past.delete(channelId)) this.#forget(connection);
  }

  /** A connection is gone. */
  onClosed(connection: JudgedConnection): void {
    this.connections.delete(connection.id);
    if (connection.past.size > 0) this.#past.set(connection.id, connection);
  }

  /** A block was handed in. @param issued its template; undefined when the source has forgotten it */
  onBlock(hash: string, issued: IssuedTemplate | undefined, attempts: Iterable<string>): void {
    this.world.counts.blocks++;
    // Nobody has its transactions: no node can be given the block.
    if (issued === undefined) return;
    const attempted = [...attempts]
      .filter((attempt) => attempt.endsWith(hash))
      .map((attempt) => attempt.split(" ")[0]!);
    this.blocks.add(hash, issued, attempted);
  }

  /** Ends the process in the middle of whatever it does. */
  crash(orderlyWires: boolean): void {
    const { store, disk } = this.surroundings;
    this.clock.kill();
    for (const connection of [...this.connections.values()]) {
      connection.abandon(orderlyWires);
      this.onClosed(connection);
    }
    disk.abandon(this.clock);
    if (this.run !== null) store.abandon(this.run);
  }

  /** SIGTERM. Resolves when the process has left. */
  async drain(windowMs: number): Promise<void> {
    this.draining = true;
    this.drainingSince = this.world.clock.monotonic();
    this.#drainedAt = this.world.clock.monotonic();
    await this.#pool.drain(windowMs);
    await this.#pool.stop();
  }

  /** True once nothing of a dead process can be recorded any more. */
  get isOver(): boolean {
    return !this.clock.alive && (this.run === null || !this.surroundings.store.mayStillWrite(this.run));
  }

  #forget(connection: JudgedConnection): void {
    if (connection.past.size === 0) this.#past.delete(connection.id);
  }

  #onAttempt(node: string, hash: string): void {
    this.handling?.effects.attempts.add(`${node} ${hash}`);
    this.blocks.onAttempt(node, hash);
  }
}

/** What a share takes in the recorder's memory as it counts, bytes. */
const SHARE_BYTES = 512;
/** An accepted share lets a channel count as working for so long. */
const EARNING_MS = 3_600_000;
/** Within so long it is noticed that a channel works no more. */
const ROUND_MS = 5_000;
/** Channels without work that everybody may have, and as many more as work. */
const FEW_CHANNELS = 16;

/** A store that may have been overfull: from outside that is the same as holding. */
const REFUSE_CONNECTIONS: ReadonlySet<string> = new Set(["draining", "shares-not-recorded"]);
