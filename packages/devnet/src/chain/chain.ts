import { internalToDisplay, parseHeader } from "@lode/bitcoin";
import { type Clock, CodedError } from "@lode/ports";
import type { Block } from "bitcoinjs-lib";
import { type BlockEntry, blockEntry } from "./block-index.ts";
import { type BlockLocation, type BlockStore, MemoryBlockStore } from "./block-store.ts";
import { checkBlock, decodeBlock } from "./check-block.ts";
import {
  addMissingCoinbaseWitness,
  checkBlockContext,
  checkHeaderContext,
  isMutation,
} from "./check-context.ts";
import { type Coin, CoinSet, type CoinView, type Undo } from "./coins.ts";
import { checkConnect } from "./connect-block.ts";
import { faucetCoins, genesisBlock } from "./genesis.ts";
import { type ChainParameters, chainParameters } from "./parameters.ts";
import { transactionId } from "./transaction-rules.ts";

/** What the chain cannot do. */
export type ChainErrorType =
  | { code: "undecodable-block" }
  | { code: "unknown-block"; hash: string }
  /** The store holds a block that does not fit on what came before it. */
  | { code: "damaged-store"; position: number };
/** Thrown by {@link Chain}. */
export class ChainError extends CodedError<ChainErrorType> {}

/** The best chain has changed. Blocks in the order in which they left or joined it. */
export interface TipChange {
  tip: BlockEntry;
  disconnected: readonly Block[];
  connected: readonly Block[];
}

/** How a {@link Chain} is opened. */
export interface ChainOptions {
  parameters?: Partial<ChainParameters>;
  /** In memory if absent. The chain closes it. */
  store?: BlockStore;
  clock: Clock;
}

/**
 * Blocks taken back at most, so that memory stays bounded. A branch that forks off deeper is kept but never followed.
 */
const MAX_REORG_DEPTH = 144;

/**
 * A regtest-like chain of one node. Every block handed in is checked in full, with bitcoinjs-lib reading it, and judged in
 * the words of Bitcoin Core (BIP22). It follows the branch with the most work, the first seen among equals.
 */
export class Chain {
  readonly parameters: ChainParameters;
  readonly #store: BlockStore;
  readonly #clock: Clock;
  readonly #index = new Map<string, BlockEntry>();
  readonly #active: BlockEntry[] = [];
  readonly #coins = new CoinSet();
  readonly #undo = new Map<BlockEntry, Undo>();
  readonly #listeners = new Set<(change: TipChange) => void>();

  /** Loads everything the store holds. @throws ChainError `damaged-store`, TargetError for impossible `nbits` */
  constructor(options: ChainOptions) {
    this.parameters = chainParameters(options.parameters);
    this.#store = options.store ?? new MemoryBlockStore();
    this.#clock = options.clock;
    const genesis = genesisBlock();
    this.#active.push(this.#addEntry(genesis, undefined, undefined));
    for (const [outpoint, coin] of faucetCoins(this.parameters)) this.#coins.add(outpoint, coin);
    this.#load();
  }

  /** The best block. */
  get tip(): BlockEntry {
    return this.#active.at(-1) as BlockEntry;
  }

  /** Unspent outputs at the tip. */
  get coins(): CoinView & Iterable<[outpoint: string, coin: Coin]> {
    return this.#coins;
  }

  /** A known block by displayed hash, in the best chain or beside it. */
  entry(hash: string): BlockEntry | undefined {
    return this.#index.get(hash);
  }

  /** Block of the best chain at a height. */
  entryAt(height: number): BlockEntry | undefined {
    return this.#active[height];
  }

  /** True for blocks of the best chain. */
  isActive(entry: BlockEntry): boolean {
    return this.#active[entry.height] === entry;
  }

  /** Serialized block; undefined for one that was refused and not kept. */
  blockBytes(entry: BlockEntry): Uint8Array | undefined {
    if (entry.parent === undefined) return genesisBlock().toBuffer();
    return entry.location && this.#store.read(entry.location);
  }

  /** Calls `listener` after every change of the tip; returns how to stop it. */
  onTipChange(listener: (change: TipChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Judges a serialized block and follows it if it is the best.
   *
   * @returns null when it became the tip, "duplicate", "inconclusive" (valid so far, but not best), or why it was refused
   * @throws ChainError `undecodable-block`
   */
  submit(raw: Uint8Array): string | null {
    const block = decodeBlock(raw);
    if (block === undefined) throw new ChainError({ code: "undecodable-block" });
    const parent = this.#parentOf(block);
    if (parent !== undefined) addMissingCoinbaseWitness(block);
    const unsound = checkBlock(block, { proofOfWork: true });
    if (unsound !== null) return unsound;
    const known = this.#index.get(block.getId());
    if (known !== undefined) return known.invalid ? "duplicate-invalid" : "duplicate";
    if (parent === undefined) return "prev-blk-not-found";
    if (parent.invalid) return "bad-prevblk";
    const misplaced = this.#checkContext(block, parent);
    if (misplaced !== null) return misplaced;
    return this.#consider(this.#addEntry(block, parent, this.#store.append(block.toBuffer())), block);
  }

  /**
   * Judges a block that has no proof of work yet, as getblocktemplate's proposal mode does; changes nothing.
   *
   * @throws ChainError `undecodable-block`
   */
  propose(raw: Uint8Array): string | null {
    const block = decodeBlock(raw);
    if (block === undefined) throw new ChainError({ code: "undecodable-block" });
    const known = this.#index.get(block.getId());
    if (known !== undefined) {
      if (known.invalid) return "duplicate-invalid";
      return this.isActive(known) ? "duplicate" : "duplicate-inconclusive";
    }
    if (this.#parentOf(block) !== this.tip) return "inconclusive-not-best-prevblk";
    return (
      checkBlock(block, { proofOfWork: false }) ??
      this.#checkHeader(block, this.tip) ??
      checkBlockContext(block, this.tip) ??
      checkConnect(block, txidsOf(block), this.tip.height + 1, this.#coins, this.parameters)
    );
  }

  /**
   * Treats a block as if it had been seen before its equals: the tip moves to it when no other branch has more work.
   *
   * @throws ChainError `unknown-block`
   */
  prefer(hash: string): void {
    const entry = this.#index.get(hash);
    if (entry === undefined) throw new ChainError({ code: "unknown-block", hash });
    if (!entry.invalid && !this.isActive(entry) && entry.chainWork >= this.tip.chainWork) this.#follow(entry);
  }

  /** Closes the store. */
  close(): void {
    this.#listeners.clear();
    this.#store.close();
  }

  #parentOf(block: Block): BlockEntry | undefined {
    return this.#index.get(internalToDisplay(block.prevHash as Uint8Array));
  }

  #checkHeader(block: Block, parent: BlockEntry): string | null {
    return checkHeaderContext(block, parent, this.parameters.nbits, Math.floor(this.#clock.now() / 1000));
  }

  /** A block that only fails here is remembered as invalid, unless its header may belong to a sound one. */
  #checkContext(block: Block, parent: BlockEntry): string | null {
    const header = this.#checkHeader(block, parent);
    if (header !== null) return header;
    const reason = checkBlockContext(block, parent);
    if (reason !== null && !isMutation(reason)) {
      this.#addEntry(block, parent, undefined).invalid = true;
    }
    return reason;
  }

  #addEntry(block: Block, parent: BlockEntry | undefined, location: BlockLocation | undefined): BlockEntry {
    const header = parseHeader(block.toBuffer(true));
    const transactionCount = block.transactions?.length ?? 0;
    const entry = blockEntry(block.getId(), header, parent, { transactionCount, location });
    this.#index.set(entry.hash, entry);
    return entry;
  }

  #load(): void {
    let position = 0;
    for (const { block: raw, location } of this.#store.stored()) {
      const block = decodeBlock(raw);
      const parent = block && this.#parentOf(block);
      if (block === undefined || parent === undefined)
        throw new ChainError({ code: "damaged-store", position });
      this.#consider(this.#addEntry(block, parent, location), block);
      position++;
    }
  }

  /** The answer for a new entry: it is followed only with more work than the tip has. */
  #consider(entry: BlockEntry, block: Block): string | null {
    if (entry.parent?.invalid) entry.invalid = true;
    if (entry.invalid || entry.chainWork <= this.tip.chainWork) return "inconclusive";
    const failure = this.#follow(entry, block);
    if (failure === undefined) return null;
    return failure.entry === entry ? failure.reason : "inconclusive";
  }

  /** Moves the tip to `target`; when a block on the way fails, back to where it was. */
  #follow(
    target: BlockEntry,
    targetBlock = this.#block(target),
  ): { entry: BlockEntry; reason: string } | undefined {
    const path: BlockEntry[] = [];
    let fork = target;
    for (; !this.isActive(fork); fork = fork.parent as BlockEntry) path.unshift(fork);
    if (this.tip.height - fork.height > MAX_REORG_DEPTH) return { entry: fork, reason: "too-deep" };
    const abandoned = this.#active.slice(fork.height + 1);
    const disconnected = this.#disconnectTo(fork);
    const connected: Block[] = [];
    for (const entry of path) {
      const block = entry === target ? targetBlock : this.#block(entry);
      const reason = this.#connect(entry, block);
      if (reason !== null) {
        for (const doomed of path.slice(path.indexOf(entry))) doomed.invalid = true;
        this.#disconnectTo(fork);
        for (const back of abandoned) this.#connect(back, this.#block(back));
        return { entry, reason };
      }
      connected.push(block);
    }
    for (const listener of this.#listeners) listener({ tip: target, disconnected, connected });
    return undefined;
  }

  #block(entry: BlockEntry): Block {
    return decodeBlock(this.blockBytes(entry) as Uint8Array) as Block;
  }

  #connect(entry: BlockEntry, block: Block): string | null {
    const txids = txidsOf(block);
    const reason = checkConnect(block, txids, entry.height, this.#coins, this.parameters);
    if (reason === null) {
      this.#undo.set(entry, this.#coins.apply(block, txids, entry.height));
      this.#active.push(entry);
      const settled = this.#active[entry.height - MAX_REORG_DEPTH - 1];
      if (settled !== undefined) this.#undo.delete(settled);
    }
    return reason;
  }

  #disconnectTo(fork: BlockEntry): Block[] {
    const disconnected: Block[] = [];
    while (this.tip !== fork) {
      const entry = this.#active.pop() as BlockEntry;
      const block = this.#block(entry);
      this.#coins.revert(block, txidsOf(block), this.#undo.get(entry) as Undo);
      this.#undo.delete(entry);
      disconnected.push(block);
    }
    return disconnected;
  }
}

/** Txids of a block's transactions, internal order. */
function txidsOf(block: Block): Uint8Array[] {
  return (block.transactions ?? []).map(transactionId);
}
