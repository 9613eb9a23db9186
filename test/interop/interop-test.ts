import type { Workbench } from "./workbench.ts";

/** Programs of others; absent ones are undefined. */
export interface Peers {
  /** bitcoin-node, or bitcoind where sv2-tp is not needed. */
  readonly bitcoinNode?: string;
  readonly sv2Tp?: string;
  readonly poolSv2?: string;
  readonly translator?: string;
  readonly miningDevice?: string;
}

/** A test against other people's software. */
export interface InteropTest {
  readonly name: string;
  readonly needs: readonly (keyof Peers)[];
  /** @throws when it fails */
  run(bench: Workbench, peers: Required<Peers>): Promise<void>;
}
