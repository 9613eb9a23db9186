import {
  blockHash,
  coinbaseOfBlock,
  displayToInternal,
  equalBytes,
  parseHeader,
  transactionOutputs,
} from "@lode/bitcoin";
import type { NodeRpc } from "@lode/bitcoin/node";
import { type BlockStore, type NewBlock, type ScanPosition, SEEN_ON_CHAIN } from "@lode/ledger/blocks";
import type { Logger } from "@lode/ports";

/** The part of a node that a scan reads; a pruned node is enough. Every method rejects when the node does not answer. */
export interface ChainReader {
  readonly height: () => Promise<number>;
  /** Display order, hex. */
  readonly hashAt: (height: number) => Promise<string>;
  /** The whole block. @param hash display order, hex */
  readonly block: (hash: string) => Promise<Uint8Array>;
}

/** What a {@link ChainScan} needs. */
export interface ChainScanDeps {
  readonly chain: ChainReader;
  readonly store: Pick<BlockStore, "poolScripts" | "record" | "scanPosition" | "moveScan">;
  readonly logger: Logger;
}

/** Blocks read in one round. */
const ROUND = 50;
/** After a reorganisation the scan goes back so many blocks at a time. */
const STEP_BACK = 10;
const BLOCK_READ_TIMEOUT_MS = 60_000;

/**
 * Compares the coinbase of every connected block with the pool's scripts: a block of ours that nobody recorded, since its file
 * and its share were lost, say, or a client handed it in by itself, is recorded as seen on chain. Goes on from the last
 * scanned height after a restart; of several processes one moves at a time.
 */
export class ChainScan {
  readonly #deps: ChainScanDeps;

  constructor(deps: ChainScanDeps) {
    this.#deps = deps;
  }

  /** Reads what is new, a bounded number of blocks. @throws LedgerError, NodeRpcError */
  async round(): Promise<void> {
    const { chain, store } = this.#deps;
    const height = await chain.height();
    let at = await store.scanPosition();
    if (at === undefined) {
      // The first start of a pool: its scripts were in no coinbase before.
      await store.moveScan(undefined, { height, hash: displayToInternal(await chain.hashAt(height)) });
      return;
    }
    const scripts = await store.poolScripts();
    for (let read = 0; read < ROUND && at.height < height; read++) {
      const next = await this.#step(at, scripts);
      if (next === undefined) return;
      at = next;
    }
  }

  /** Reads the block behind a position. @returns the new position; undefined when another process was faster */
  async #step(at: ScanPosition, scripts: ReadonlySet<string>): Promise<ScanPosition | undefined> {
    const { chain, store, logger } = this.#deps;
    const height = at.height + 1;
    const bytes = await chain.block(await chain.hashAt(height));
    const header = bytes.slice(0, 80);
    const { prevHash } = parseHeader(header);
    if (!equalBytes(prevHash, at.hash)) {
      const back = Math.max(0, at.height - STEP_BACK);
      logger.info({ height: at.height, back }, "the chain was reorganised; its blocks are looked at again");
      return this.#move(at, { height: back, hash: displayToInternal(await chain.hashAt(back)) });
    }
    const hash = blockHash(header);
    const block = ownBlock({ hash, height, prevHash, header, coinbaseTx: coinbaseOfBlock(bytes) }, scripts);
    if (block !== undefined && (await store.record(block))) {
      logger.warn(
        { height, hash: await chain.hashAt(height) },
        "a block of this pool was found on the chain that nobody recorded",
      );
    }
    return this.#move(at, { height, hash });
  }

  async #move(from: ScanPosition, to: ScanPosition): Promise<ScanPosition | undefined> {
    return (await this.#deps.store.moveScan(from, to)) ? to : undefined;
  }
}

/** A row for a block that pays one of the pool's scripts; undefined for other people's. */
function ownBlock(
  block: Pick<NewBlock, "hash" | "height" | "prevHash" | "header" | "coinbaseTx">,
  scripts: ReadonlySet<string>,
): NewBlock | undefined {
  const outputs = transactionOutputs(block.coinbaseTx);
  let ours = 0n;
  let all = 0n;
  for (const { sats, script } of outputs) {
    all += sats;
    if (scripts.has(Buffer.from(script).toString("hex"))) ours += sats;
  }
  if (ours === 0n) return undefined;
  return {
    ...block,
    // In a solo block the pool has a fee of at most a tenth.
    scheme: ours * 2n >= all ? "pplns" : "solo",
    finder: null,
    source: SEEN_ON_CHAIN,
    foundAt: parseHeader(block.header).ntime * 1000,
    outputs,
  };
}

/** A {@link ChainReader} over JSON-RPC. */
export function chainReader(rpc: Pick<NodeRpc, "call">): ChainReader {
  return {
    height: async () => Number(await rpc.call("getblockcount")),
    hashAt: async (height) => String(await rpc.call("getblockhash", [height])),
    block: async (hash) => {
      const hex = String(await rpc.call("getblock", [hash, 0], { timeoutMs: BLOCK_READ_TIMEOUT_MS }));
      return new Uint8Array(Buffer.from(hex, "hex"));
    },
  };
}
