import {
  blockHash,
  displayToInternal,
  internalToDisplay,
  parseHeader,
  readCompactSize,
  sha256d,
  stripCoinbaseWitness,
} from "@lode/bitcoin";
import type { BlockNode } from "@lode/pool-server";
import type { Prng } from "@lode/testing/random";
import { hex } from "../model/hashing.ts";
import type { Chain } from "./chain.ts";
import type { ProcessClock } from "./process-clock.ts";
import { SimulatedFault, type World } from "./world.ts";

/** How the nodes are doing. */
export type NodeHealth = "healthy" | "flaky" | "down";

/** What a node made of a block, for those who watch. */
export interface NodeWatcher {
  /** A node was called with a block. @param hash display order */
  onAttempt(node: string, hash: string): void;
  /** It answered for good: anything but an error or a plea to come back. */
  onAnswer(node: string, hash: string): void;
}

/** As the pool's own client gives up on a call, milliseconds. */
const CALL_TIMEOUT_MS = 30_000;
/** Blocks a node remembers having seen; far more than are open at any time. */
const KEPT_BLOCKS = 50_000;

/** A Bitcoin node's `submitblock`: checks the block's shape, answers in BIP22's words, and at times makes it the tip. */
export class SimulatedNode {
  readonly name: string;
  readonly #world: World;
  readonly #prng: Prng;
  readonly #chain: Chain;
  readonly #known = new Set<string>();
  health: NodeHealth = "healthy";

  constructor(name: string, world: World, chain: Chain) {
    this.name = name;
    this.#world = world;
    this.#prng = world.prng.fork();
    this.#chain = chain;
  }

  /** The node as a process sees it. */
  target(clock: ProcessClock, watcher: NodeWatcher): BlockNode {
    return {
      name: this.name,
      submitBlock: (blockHex) => {
        if (!clock.alive) return new Promise(() => {});
        const hash = this.#inspect(blockHex);
        watcher.onAttempt(this.name, hash);
        return clock.seen(
          this.#call(hash, blockHex).then((answer) => {
            if (clock.alive && answer !== "prev-blk-not-found") watcher.onAnswer(this.name, hash);
            return answer;
          }),
        );
      },
      confirmations: (hash) => clock.seen(this.#lookUp(hash)),
      syncedHeight: () => clock.seen(this.#answer(() => this.#chain.height)),
    };
  }

  async #lookUp(hash: string): Promise<number | undefined> {
    const confirmations = await this.#answer(() => this.#chain.confirmations(hash));
    return confirmations ?? (this.#known.has(hash) ? -1 : undefined);
  }

  async #answer<T>(read: () => T): Promise<T> {
    const prng = this.#prng;
    await this.#world.sleep(prng.pick([0, 1, 5, 20]));
    if (prng.chance(this.health === "down" ? 1 : this.health === "flaky" ? 0.5 : 0)) {
      this.#world.fault(`lookup-${this.health}`);
      throw new SimulatedFault({ code: "unreachable" });
    }
    return read();
  }

  async #call(hash: string, blockHex: string): Promise<string | null> {
    const prng = this.#prng;
    const trouble = this.health === "down" ? 1 : this.health === "flaky" ? 0.6 : 0;
    if (prng.chance(trouble)) {
      this.#world.fault(`node-${this.health}`);
      // The call may have been carried out all the same.
      if (this.health === "flaky" && prng.chance(0.3)) this.#take(hash, blockHex);
      await this.#world.sleep(prng.chance(0.3) ? CALL_TIMEOUT_MS : prng.below(50));
      throw new SimulatedFault({ code: prng.pick(["unreachable", "timeout", "malformed"]) });
    }
    await this.#world.sleep(prng.pick([0, 1, 5, 20]));
    if (this.health === "flaky" && prng.chance(0.3)) return "prev-blk-not-found";
    return this.#take(hash, blockHex);
  }

  #take(hash: string, blockHex: string): string | null {
    if (this.#known.has(hash)) return "duplicate";
    this.#known.add(hash);
    if (this.#known.size > KEPT_BLOCKS) this.#known.delete(this.#known.values().next().value!);
    const isNext = hex(this.#chain.tip.prevHash) === blockHex.slice(8, 72);
    if (!isNext || this.#prng.chance(0.5)) return "inconclusive";
    this.#chain.extend(displayToInternal(hash));
    return null;
  }

  /** Checks what a node would: proof of work aside, the header is the transactions' own. @returns hash, display order */
  #inspect(blockHex: string): string {
    const block = Buffer.from(blockHex, "hex");
    const header = block.subarray(0, 80);
    const hash = internalToDisplay(blockHash(header));
    const root = merkleRootOf(splitTransactions(block));
    if (root !== hex(parseHeader(header).merkleRoot)) {
      this.#world.violate("block-submitted", `block ${hash} came with other transactions than its header's`);
    }
    return hash;
  }
}

/** The simulated transactions are 40 bytes each; the coinbase is what is left. */
function splitTransactions(block: Uint8Array): Uint8Array[] {
  const { value: count, next } = readCompactSize(block, 80);
  const coinbaseEnd = block.length - 40 * (count - 1);
  const transactions = [stripCoinbaseWitness(block.subarray(next, coinbaseEnd))];
  for (let at = coinbaseEnd; at < block.length; at += 40) transactions.push(block.subarray(at, at + 40));
  return transactions;
}

function merkleRootOf(transactions: readonly Uint8Array[]): string {
  let level: Uint8Array[] = transactions.map((transaction) => sha256d(transaction));
  while (level.length > 1) {
    const above: Uint8Array[] = [];
    for (let index = 0; index < level.length; index += 2) {
      above.push(sha256d(Buffer.concat([level[index]!, level[index + 1] ?? level[index]!])));
    }
    level = above;
  }
  return hex(level[0]!);
}
