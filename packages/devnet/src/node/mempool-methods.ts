import { displayToInternal } from "@lode/bitcoin";
import { Block, Transaction } from "bitcoinjs-lib";
import { outpointKey } from "../chain/coins.ts";
import { transactionId } from "../chain/transaction-rules.ts";
import type { MempoolEntry } from "../mempool/entry.ts";
import { MempoolError } from "../mempool/mempool.ts";
import { blockArgument, hashArgument, hexArgument, integerArgument, verbosityArgument } from "./arguments.ts";
import { coins, scriptJson, transactionJson } from "./block-json.ts";
import type { MethodTable, NodeState } from "./node-state.ts";
import { RpcCode, RpcFailure } from "./rpc-failure.ts";

/** Core's minrelaytxfee, coins per 1,000 virtual bytes. */
const MIN_RELAY_FEE = 0.000001;

/** Transactions and coins. */
export const mempoolMethods: MethodTable = {
  getmempoolinfo: {
    parameters: [],
    run({ mempool }) {
      const entries = [...mempool.entries()];
      return {
        loaded: true,
        size: entries.length,
        bytes: entries.reduce((sum, { weight }) => sum + Math.ceil(weight / 4), 0),
        total_fee: coins(entries.reduce((sum, { fee }) => sum + fee, 0n)),
        mempoolminfee: MIN_RELAY_FEE,
        minrelaytxfee: MIN_RELAY_FEE,
      };
    },
  },
  getrawmempool: { parameters: [], run: ({ mempool }) => [...mempool.entries()].map(({ id }) => id) },
  getmempoolentry: {
    parameters: ["txid"],
    run({ mempool }, [txid]) {
      const entry = mempool.entry(hashArgument(txid, "txid"));
      if (entry === undefined)
        throw new RpcFailure(RpcCode.invalidAddressOrKey, "Transaction not in mempool");
      return entryJson(entry);
    },
  },
  sendrawtransaction: {
    parameters: ["hexstring", "maxfeerate?"],
    run: ({ mempool }, [hex]) => {
      try {
        return mempool.accept(hexArgument(hex, "hexstring", "TX decode failed")).id;
      } catch (error) {
        throw error instanceof MempoolError ? refusal(error) : error;
      }
    },
  },
  testmempoolaccept: {
    parameters: ["rawtxs", "maxfeerate?"],
    run: ({ mempool }, [given]) => {
      if (!Array.isArray(given) || given.length !== 1) {
        throw new RpcFailure(RpcCode.invalidParameter, "This node tests one transaction at a time");
      }
      const raw = hexArgument(given[0], "rawtxs", "TX decode failed");
      try {
        const entry = mempool.test(raw);
        return [
          {
            txid: entry.id,
            allowed: true,
            vsize: Math.ceil(entry.weight / 4),
            fees: { base: coins(entry.fee) },
          },
        ];
      } catch (error) {
        if (!(error instanceof MempoolError)) throw error;
        const failure = refusal(error);
        if (failure.type.rpcCode === RpcCode.deserializationError) throw failure;
        return [
          { txid: Transaction.fromBuffer(raw).getId(), allowed: false, "reject-reason": failure.message },
        ];
      }
    },
  },
  getrawtransaction: {
    parameters: ["txid", "verbosity?", "blockhash?"],
    run(node, [txid, verbosity, blockhash]) {
      const id = hashArgument(txid, "txid");
      const tx =
        blockhash === undefined ? node.mempool.entry(id)?.tx : transactionInBlock(node, id, blockhash);
      if (tx === undefined) {
        throw new RpcFailure(
          RpcCode.invalidAddressOrKey,
          blockhash === undefined
            ? "No such mempool transaction. Blockchain transactions are found with their block's hash."
            : "No such transaction found in the provided block.",
        );
      }
      return verbosityArgument(verbosity, "verbosity", 0) === 0 ? tx.toHex() : transactionJson(tx);
    },
  },
  gettxout: {
    parameters: ["txid", "n", "include_mempool?"],
    run({ chain, mempool }, [txid, n, includeMempool]) {
      const view = includeMempool === false ? chain.coins : mempool;
      const outpoint = outpointKey(displayToInternal(hashArgument(txid, "txid")), integerArgument(n, "n"));
      const coin = view.get(outpoint);
      if (coin === undefined) return null;
      return {
        bestblock: chain.tip.hash,
        confirmations: Math.max(0, chain.tip.height - coin.height + 1),
        value: coins(coin.value),
        scriptPubKey: scriptJson(coin.script),
        coinbase: coin.coinbase,
      };
    },
  },
  estimatesmartfee: {
    parameters: ["conf_target", "estimate_mode?"],
    run: (_node, [target]) => ({
      feerate: 10 * MIN_RELAY_FEE,
      blocks: integerArgument(target, "conf_target"),
    }),
  },
};

function entryJson(entry: MempoolEntry) {
  return {
    vsize: Math.ceil(entry.weight / 4),
    weight: entry.weight,
    time: Math.floor(entry.addedAt / 1000),
    fees: { base: coins(entry.fee) },
    depends: entry.parents.map(({ id }) => id),
  };
}

function transactionInBlock(node: NodeState, id: string, blockhash: unknown): Transaction | undefined {
  const raw = node.chain.blockBytes(blockArgument(node, blockhash));
  const wanted = displayToInternal(id);
  return (
    raw && Block.fromBuffer(raw).transactions?.find((tx) => Buffer.compare(transactionId(tx), wanted) === 0)
  );
}

function refusal({ type }: MempoolError): RpcFailure {
  switch (type.code) {
    case "undecodable-transaction":
      return new RpcFailure(
        RpcCode.deserializationError,
        "TX decode failed. Make sure the tx has at least one input.",
      );
    case "missing-inputs":
      return new RpcFailure(RpcCode.verifyError, "bad-txns-inputs-missingorspent");
    case "already-confirmed":
      return new RpcFailure(RpcCode.verifyAlreadyInUtxoSet, "Transaction outputs already in utxo set");
    case "rejected":
      return new RpcFailure(RpcCode.verifyRejected, type.reason);
  }
}
