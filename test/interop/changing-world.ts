import { setTimeout as pause } from "node:timers/promises";
import type { RunningProcess } from "@lode/testing/process";
import {
  type BitcoinCore,
  blockAt,
  mineBlock,
  sendSegwitPayments,
  startBitcoinCore,
} from "./bitcoin-core.ts";
import type { Counts } from "./counts.ts";
import type { Figures } from "./interop-test.ts";
import {
  type LodePool,
  type PoolCounts,
  startLodePool,
  startLodeTemplateProvider,
} from "./lode-processes.ts";
import type { PeerLog } from "./peer-log.ts";
import { isOfThePool } from "./pool-results.ts";
import { startSv2Tp } from "./sv2-tp.ts";
import type { Workbench } from "./workbench.ts";

/** Shares a minute that the pool's channels aim at. */
export const SHARES_PER_MINUTE = 30;

/** A peer that mines at the pool. */
export interface WorldPeer {
  readonly process: RunningProcess;
  readonly log: PeerLog;
  /** Shares the peer refused to its own miners, by reason. */
  refused(): Counts;
  /** Hashes its miners tried, if they count them. */
  hashes?(): number;
  /** Speeds its miners up or down; 0 makes them rest. */
  pace(factor: number): void;
  /** Lets a miner go and another one come, where the peer serves several. */
  replaceMiner?(): Promise<void>;
  /** True while every connection of the peer's is as it was. */
  intact(): boolean;
  /** The peer's figures and the pool's agree. */
  agrees(counts: PoolCounts): boolean;
}

/** What happens how often, seconds. */
interface Plan {
  readonly seconds: number;
  /** It takes longer when something that must be seen once was not. */
  readonly patience: number;
  readonly payment: number;
  readonly foreignBlock: number;
  readonly pace: number;
  readonly report: number;
  /** One after another: the miners' own rates times this. */
  readonly paces: readonly number[];
}

const SHORT: Plan = {
  ...{ seconds: 75, patience: 180, payment: 8, foreignBlock: 25, pace: 30, report: 25 },
  paces: [4, 0.25],
};
const LASTING = {
  ...{ patience: 180, payment: 20, foreignBlock: 90, pace: 240, report: 60 },
  paces: [1, 4, 0.5, 2, 0.25],
};

/** A node on signet, a pool on it, and what they went through. */
export class ChangingWorld {
  readonly core: BitcoinCore;
  readonly pool: LodePool;
  readonly payoutAddress: string;
  readonly #bench: Workbench;

  private constructor(bench: Workbench, core: BitcoinCore, pool: LodePool, payoutAddress: string) {
    this.#bench = bench;
    this.core = core;
    this.pool = pool;
    this.payoutAddress = payoutAddress;
  }

  /** @param sv2Tp takes templates from there, and not from `lode template-provider` */
  static async start(bench: Workbench, bitcoinNode: string, sv2Tp?: string): Promise<ChangingWorld> {
    const core = await startBitcoinCore(bench, bitcoinNode, "signet");
    const templates = await (sv2Tp === undefined
      ? startLodeTemplateProvider(bench, core)
      : startSv2Tp(bench, sv2Tp, core));
    const payoutAddress = await core.newAddress();
    const pool = await startLodePool(bench, {
      templates,
      node: core,
      network: core.network,
      payoutAddress,
      // 17,000 hashes: slow CPU miners have room below their first target.
      minDifficulty: 4e-6,
      sharesPerMinute: SHARES_PER_MINUTE,
    });
    return new ChangingWorld(bench, core, pool, payoutAddress);
  }

  /** Mines through template refreshes, tip changes of both kinds and changes of speed, and checks what came of it. */
  async mine(peer: WorldPeer, minutes: number | undefined): Promise<Figures> {
    const plan = minutes === undefined ? SHORT : { ...LASTING, seconds: minutes * 60 };
    const startedAt = performance.now();
    const from = await this.core.height();
    const bench = this.#bench;
    await this.#keepChanging(peer, plan, from);
    peer.pace(0);
    const counts = await bench.until(
      "agreement of the peer's figures, the pool's and Postgres's",
      60,
      async () => {
        const now = await this.pool.counts();
        const recorded = await this.pool.recordedShares();
        return peer.agrees(now) && recorded === now.accepted ? now : undefined;
      },
      [this.pool.process, peer.process],
    );
    const figures = await this.#figures(peer, counts, from, startedAt);
    const { rejected, blocks } = figures;
    bench.say(`  ${describe(figures)}`);
    if (peer.log.troubles.length > 0) bench.say(`  the peer's warnings:\n${peer.log.troubles.join("\n")}`);
    bench.check(
      peer.log.unexplained.length === 0,
      `every refused share (${JSON.stringify(rejected)}) left before its peer heard of the new tip ${peer.log.unexplained}`,
    );
    bench.check(
      peer.intact() && counts.connectionsClosed === 0,
      `every connection stayed (${counts.connectionsClosed} closed)`,
    );
    bench.check(
      counts.blocksAccepted === blocks.own && blocks.lost <= blocks.foreign,
      `the pool's blocks are in the chain: ${JSON.stringify(blocks)}, ${counts.blocksAccepted} by its own count`,
    );
    return figures;
  }

  async #keepChanging(peer: WorldPeer, plan: Plan, from: number): Promise<void> {
    const { core, pool } = this;
    const bench = this.#bench;
    const startedAt = performance.now();
    const elapsed = () => (performance.now() - startedAt) / 1000;
    const toPay = every(plan.payment);
    const toLose = every(plan.foreignBlock);
    const toTurn = every(plan.pace);
    const toTell = every(plan.report);
    let paces = 0;
    const turn = () => peer.pace(plan.paces[paces++ % plan.paces.length] ?? 1);
    turn();
    for (;;) {
      await pause(1000);
      const now = elapsed();
      if (now >= plan.seconds && seenAll(peer.log, await pool.counts())) return;
      if (now > plan.seconds + plan.patience) throw new Error(`not everything was seen\n${bench.logs()}`);
      const gone = [pool.process, peer.process, core.process].find(({ running }) => !running);
      if (gone !== undefined) throw new Error(`${gone.name} ended\n${bench.logs()}`);
      if (toPay(now)) await this.#pay();
      if (toTurn(now)) {
        turn();
        await peer.replaceMiner?.();
      }
      if (toLose(now)) await mineBlock(core);
      if (toTell(now)) {
        const figures = await this.#figures(peer, await pool.counts(), from, startedAt);
        bench.say(`  ${describe(figures)}`);
      }
    }
  }

  async #pay(): Promise<void> {
    try {
      await sendSegwitPayments(this.core, 1);
    } catch (error) {
      // A wallet's chain of unconfirmed coins has a limit; the next block frees it.
      this.#bench.say(`  no payment: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  async #figures(peer: WorldPeer, counts: PoolCounts, from: number, startedAt: number): Promise<Figures> {
    const { log } = peer;
    const hashes = peer.hashes?.() ?? 0;
    const work = await this.pool.recordedWork();
    const height = await this.core.height();
    let own = 0;
    for (let at = from + 1; at <= height; at++) {
      if (isOfThePool(await blockAt(this.core, at))) own++;
    }
    return {
      minutes: Math.round((performance.now() - startedAt) / 6_000) / 10,
      accepted: counts.accepted,
      rejected: counts.rejectedByCode,
      withheld: { ...log.withheld },
      refused: peer.refused(),
      ...(hashes > 0 && { workPerHash: Math.round((1000 * work) / hashes) / 1000 }),
      tips: counts.tips,
      refreshes: counts.refreshes,
      retargets: { easier: log.easier, harder: log.harder },
      updates: log.updates,
      blocks: { own, foreign: height - from - own, lost: counts.blocksFound - own },
    };
  }
}

/** Says when the next multiple of a period has come. */
function every(seconds: number): (now: number) => boolean {
  let next = seconds;
  return (now) => {
    if (now < next) return false;
    next = (Math.floor(now / seconds) + 1) * seconds;
    return true;
  };
}

/** Every kind of change, at least once. */
function seenAll(log: PeerLog, counts: PoolCounts): boolean {
  return counts.tips > 1 && counts.refreshes > 0 && log.easier > 0 && log.harder > 0 && counts.accepted > 0;
}

function describe(figures: Figures): string {
  const { retargets, blocks } = figures;
  return [
    `${figures.minutes} min: accepted ${figures.accepted}, rejected ${JSON.stringify(figures.rejected)}`,
    `withheld by the peer ${JSON.stringify(figures.withheld)}, refused to its miners ${JSON.stringify(figures.refused)}`,
    ...(figures.workPerHash === undefined ? [] : [`work per hash ${figures.workPerHash}`]),
    `tips ${figures.tips}, refreshes ${figures.refreshes}, targets ${retargets.easier} easier ${retargets.harder} harder`,
    `updates ${figures.updates}, blocks ${blocks.own} own ${blocks.foreign} foreign ${blocks.lost} lost`,
  ].join("; ");
}
