import type { NodeRpc } from "@lode/bitcoin/node";
import { NodeRpcError } from "@lode/bitcoin/node";

/** A node that takes whole blocks and tells what became of them. */
export interface BlockNode {
  readonly name: string;
  /** `submitblock`: null when the block is the new tip, else a BIP22 string. Rejects when the outcome is unknown. */
  submitBlock(blockHex: string): Promise<string | null>;
  /**
   * `getblockheader`'s confirmations of a block: 1 or more on the best chain, -1 off it, undefined where the node does not
   * know the header. Rejects when the node does not answer.
   *
   * @param hash display order, hex
   */
  confirmations(hash: string): Promise<number | undefined>;
  /** The best chain's height, null while the node is catching up. Rejects when the node does not answer. */
  syncedHeight(): Promise<number | null>;
}

/** RPC_DESERIALIZATION_ERROR: the node cannot read the block, and never will. */
const RPC_DESERIALIZATION_ERROR = -22;
/** RPC_INVALID_ADDRESS_OR_KEY: the node does not know this block. */
const RPC_INVALID_ADDRESS_OR_KEY = -5;
const SUBMIT_TIMEOUT_MS = 30_000;
/** Headers a node may be ahead of its blocks and still count as caught up: it is fetching the newest one. */
const HEADERS_AHEAD = 1;

/** A {@link BlockNode} over JSON-RPC. */
export function blockNode(name: string, rpc: Pick<NodeRpc, "call">): BlockNode {
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
    async confirmations(hash) {
      try {
        const header = (await rpc.call("getblockheader", [hash])) as { confirmations?: unknown } | null;
        return typeof header?.confirmations === "number" ? header.confirmations : undefined;
      } catch (error) {
        if (isRpcError(error, RPC_INVALID_ADDRESS_OR_KEY)) return undefined;
        throw error;
      }
    },
    async syncedHeight() {
      const info = (await rpc.call("getblockchaininfo")) as Record<string, unknown> | null;
      const { blocks, headers, initialblockdownload } = info ?? {};
      if (typeof blocks !== "number" || typeof headers !== "number") return null;
      return initialblockdownload === true || headers - blocks > HEADERS_AHEAD ? null : blocks;
    },
  };
}

function isRpcError(error: unknown, rpcCode: number): error is NodeRpcError {
  return error instanceof NodeRpcError && error.type.code === "rpc" && error.type.rpcCode === rpcCode;
}
