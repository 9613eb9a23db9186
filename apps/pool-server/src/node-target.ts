import type { NodeRpc } from "@lode/bitcoin/node";
import { NodeRpcError } from "@lode/bitcoin/node";
import type { BlockTarget } from "./block-submitter.ts";

/** RPC_DESERIALIZATION_ERROR: the node cannot read the block, and never will. */
const RPC_DESERIALIZATION_ERROR = -22;
const SUBMIT_TIMEOUT_MS = 30_000;

/** `submitblock` of a node as a {@link BlockTarget}. */
export function nodeTarget(name: string, rpc: Pick<NodeRpc, "call">): BlockTarget {
  return {
    name,
    async submitBlock(blockHex) {
      try {
        const answer = await rpc.call("submitblock", [blockHex], { timeoutMs: SUBMIT_TIMEOUT_MS });
        return answer === null ? null : String(answer);
      } catch (error) {
        if (
          error instanceof NodeRpcError &&
          error.type.code === "rpc" &&
          error.type.rpcCode === RPC_DESERIALIZATION_ERROR
        ) {
          return `undecodable: ${error.type.rpcMessage}`;
        }
        throw error;
      }
    },
  };
}
