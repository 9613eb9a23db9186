import type { Counts } from "./counts.ts";
import type { Workbench } from "./workbench.ts";

/** Programs of others; absent ones are undefined. */
export interface Peers {
  /** bitcoin-node, or bitcoind where sv2-tp is not needed. */
  readonly bitcoinNode?: string;
  readonly sv2Tp?: string;
  readonly poolSv2?: string;
  readonly translator?: string;
  readonly miningDevice?: string;
  /** cpuminer, on Stratum V1. */
  readonly minerd?: string;
}

/** What a peer went through, and what became of its shares. */
export interface Figures {
  readonly minutes: number;
  /** Shares the pool accepted and refused, by reason. */
  readonly accepted: number;
  readonly rejected: Counts;
  /** Shares the peer did not hand on, by its reason. */
  readonly withheld: Counts;
  /** Shares the peer refused to its own miners, by its reason. */
  readonly refused: Counts;
  /** Work credited for each hash the peer's miners tried: 1 but for chance, where they count their hashes. */
  readonly workPerHash?: number;
  readonly tips: number;
  readonly refreshes: number;
  /** SetTarget, and which way. */
  readonly retargets: { readonly easier: number; readonly harder: number };
  /** UpdateChannel. */
  readonly updates: number;
  /** Blocks in the chain, of the pool and of others, and the pool's that another one was before. */
  readonly blocks: { readonly own: number; readonly foreign: number; readonly lost: number };
}

/** A test against other people's software. */
export interface InteropTest {
  readonly name: string;
  readonly needs: readonly (keyof Peers)[];
  /** @throws when it fails */
  run(bench: Workbench, peers: Required<Peers>): Promise<void>;
}

/** A test that mines for as long as it is told, beside the others of its kind. */
export interface LastingTest {
  readonly name: string;
  readonly needs: readonly (keyof Peers)[];
  /**
   * @param minutes undefined: as long as it takes to see everything once
   * @throws when it fails
   */
  mine(bench: Workbench, peers: Required<Peers>, minutes: number | undefined): Promise<Figures>;
}
