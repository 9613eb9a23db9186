import { blockArgument, integerArgument, verbosityArgument } from "./arguments.ts";
import { blockJson, headerJson, targetJson } from "./block-json.ts";
import type { MethodTable } from "./node-state.ts";
import { RpcCode, RpcFailure } from "./rpc-failure.ts";

/** What the chain looks like. */
export const chainMethods: MethodTable = {
  getblockchaininfo: {
    parameters: [],
    run({ chain }) {
      const { tip } = chain;
      return {
        chain: "regtest",
        blocks: tip.height,
        headers: tip.height,
        bestblockhash: tip.hash,
        ...targetJson(tip.header.nbits),
        time: tip.header.ntime,
        mediantime: tip.medianTimePast,
        verificationprogress: 1,
        initialblockdownload: false,
        chainwork: tip.chainWork.toString(16).padStart(64, "0"),
        pruned: false,
        warnings: [],
      };
    },
  },
  getbestblockhash: { parameters: [], run: ({ chain }) => chain.tip.hash },
  getblockcount: { parameters: [], run: ({ chain }) => chain.tip.height },
  getblockhash: {
    parameters: ["height"],
    run({ chain }, [height]) {
      const entry = chain.entryAt(integerArgument(height, "height"));
      if (entry === undefined) throw new RpcFailure(RpcCode.invalidParameter, "Block height out of range");
      return entry.hash;
    },
  },
  getblockheader: {
    parameters: ["blockhash", "verbose?"],
    run(node, [hash, verbose]) {
      const entry = blockArgument(node, hash);
      if (verbosityArgument(verbose, "verbose", 1) > 0) return headerJson(node, entry);
      const raw = node.chain.blockBytes(entry);
      if (raw === undefined) throw new RpcFailure(RpcCode.miscError, "Block not available");
      return Buffer.from(raw.subarray(0, 80)).toString("hex");
    },
  },
  getblock: {
    parameters: ["blockhash", "verbosity?"],
    run(node, [hash, verbosityGiven]) {
      const entry = blockArgument(node, hash);
      const verbosity = verbosityArgument(verbosityGiven, "verbosity", 1);
      const raw = node.chain.blockBytes(entry);
      if (raw === undefined) throw new RpcFailure(RpcCode.miscError, "Block not available");
      return verbosity <= 0 ? Buffer.from(raw).toString("hex") : blockJson(node, entry, raw, verbosity);
    },
  },
  preciousblock: {
    parameters: ["blockhash"],
    run(node, [hash]) {
      node.chain.prefer(blockArgument(node, hash).hash);
      return null;
    },
  },
};
