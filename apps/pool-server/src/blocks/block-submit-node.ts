import type { NodeRpc } from "@lode/bitcoin/node";
import { NodeRpcError } from "@lode/bitcoin/node";
import type { BlockSubmitNode } from "./block-submitter.ts";

/** RPC_DESERIALIZATION_ERROR: the node cannot read the block, and never will. */
const RPC_DESERIALIZATION_ERROR = -22;
/** RPC_INVALID_ADDRESS_OR_KEY: the node does not know this block. */
const RPC_INVALID_ADDRESS_OR_KEY = -5;
const SUBMIT_TIMEOUT_MS = 30_000;

/** `submitblock` of a node as a {@link BlockSubmitNode}. */
export function submitToNode(name: string, rpc: Pick<NodeRpc, "call">): BlockSubmitNode {
  return {
    name,
    async submitBlock(blockHex) {
      try {
        const answer = await rpc.call("submitblock", [blockHex], { timeoutMs: SUBMIT_TIMEOUT_MS });
        return answer === null ? null : String(answer);
      } catch (error) {
        if (isRpcError(error, RPC_DESERIALIZATION_ERROR)) return `undecodable: ${error.message}`;
        throw error;
      }
    },
    async isInBestChain(hash) {
      try {
        const header = (await rpc.call("getblockheader", [hash])) as { confirmations?: unknown } | null;
        // -1: known, and not on the best chain.
        return typeof header?.confirmations === "number" && header.confirmations >= 1;
      } catch (error) {
        if (isRpcError(error, RPC_INVALID_ADDRESS_OR_KEY)) return false;
        throw error;
      }
    },
  };
}

function isRpcError(error: unknown, rpcCode: number): error is NodeRpcError {
  return error instanceof NodeRpcError && error.type.code === "rpc" && error.type.rpcCode === rpcCode;
}
