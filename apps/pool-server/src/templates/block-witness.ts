import { internalToDisplay } from "@lode/bitcoin";
import { type NodeMonitor, type NodeRpc, NodeRpcError } from "@lode/bitcoin/node";

/** A node that may be asked what it knows. */
export interface WitnessNode {
  readonly rpc: Pick<NodeRpc, "call">;
  readonly monitor: Pick<NodeMonitor, "state" | "check">;
}

/**
 * Whether the configured nodes know a block: true when one does, false when those that can be asked do not, null when none
 * can be asked. Never rejects.
 *
 * @param hash internal order
 */
export type BlockWitness = (hash: Uint8Array) => Promise<boolean | null>;

/** RPC_INVALID_ADDRESS_OR_KEY: the node does not know this block. */
const UNKNOWN_BLOCK = -5;
const CALL_TIMEOUT_MS = 10_000;

/** Asks nodes that are on the configured network. */
export function blockWitness(nodes: readonly WitnessNode[]): BlockWitness {
  return async (hash) => {
    const answers = await Promise.all(nodes.map((node) => ask(node, internalToDisplay(hash))));
    if (answers.includes(true)) return true;
    return answers.includes(false) ? false : null;
  };
}

async function ask({ rpc, monitor }: WitnessNode, hash: string): Promise<boolean | null> {
  const state = monitor.state.code === "unknown" ? await monitor.check() : monitor.state;
  if (state.code !== "usable") return null;
  try {
    await rpc.call("getblockheader", [hash], { timeoutMs: CALL_TIMEOUT_MS });
    return true;
  } catch (error) {
    const isUnknown =
      error instanceof NodeRpcError && error.type.code === "rpc" && error.type.rpcCode === UNKNOWN_BLOCK;
    return isUnknown ? false : null;
  }
}
