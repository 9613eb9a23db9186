import { internalToDisplay, witnessCommitmentScript } from "@lode/bitcoin";
import { subsidyAt } from "../chain/parameters.ts";
import { MAX_BLOCK_SIGOPS_COST, MAX_BLOCK_WEIGHT } from "../chain/transaction-rules.ts";
import { selectTransactions } from "../mempool/block-selection.ts";
import type { MempoolEntry } from "../mempool/entry.ts";
import { targetJson } from "./block-json.ts";
import { longPollId } from "./long-poll.ts";
import type { NodeState } from "./node-state.ts";

/** Weight kept free for header, transaction count and coinbase (Core's default `-blockreservedweight`). */
export const RESERVED_WEIGHT = 8000;
/** Signature operations kept free for the coinbase, in cost units (Core's default). */
const RESERVED_SIGOPS = 400;

/** What would go into the next block. */
export function templateTransactions({ mempool }: NodeState): MempoolEntry[] {
  const maxSigops = MAX_BLOCK_SIGOPS_COST - RESERVED_SIGOPS;
  return selectTransactions(mempool.entries(), MAX_BLOCK_WEIGHT - RESERVED_WEIGHT, maxSigops);
}

/** The answer to getblocktemplate in mode "template", as Core 30 and later give it on regtest. */
export function blockTemplate(node: NodeState) {
  const { chain, clock } = node;
  const { tip, parameters } = chain;
  const transactions = templateTransactions(node);
  node.lastTemplate = transactions;
  const height = tip.height + 1;
  const fees = transactions.reduce((sum, { fee }) => sum + fee, 0n);
  const position = new Map(transactions.map((entry, index) => [entry, index + 1]));
  const minTime = tip.medianTimePast + 1;
  const { bits, target } = targetJson(parameters.nbits);
  return {
    capabilities: ["proposal"],
    version: 0x2000_0000,
    rules: ["csv", "!segwit", "taproot"],
    vbavailable: {},
    vbrequired: 0,
    previousblockhash: tip.hash,
    transactions: transactions.map((entry) => ({
      data: Buffer.from(entry.raw).toString("hex"),
      txid: entry.id,
      hash: internalToDisplay(entry.wtxid),
      depends: entry.parents.map((parent) => position.get(parent)),
      fee: Number(entry.fee),
      sigops: entry.sigops,
      weight: entry.weight,
    })),
    coinbaseaux: {},
    coinbasevalue: Number(subsidyAt(height, parameters) + fees),
    longpollid: longPollId(node),
    target,
    mintime: minTime,
    mutable: ["time", "transactions", "prevblock"],
    noncerange: "00000000ffffffff",
    sigoplimit: MAX_BLOCK_SIGOPS_COST,
    sizelimit: 4_000_000,
    weightlimit: MAX_BLOCK_WEIGHT,
    curtime: Math.max(Math.floor(clock.now() / 1000), minTime),
    bits,
    height,
    default_witness_commitment: Buffer.from(
      witnessCommitmentScript(transactions.map(({ wtxid }) => wtxid)),
    ).toString("hex"),
  };
}
