import type { NetworkName } from "../networks.ts";
import { checkNode } from "./node-check.ts";
import type { NodeRpc } from "./node-rpc.ts";

/**
 * Checks a node once, tells in words what it is, and closes the client.
 *
 * @param setting what names the node, for messages: `node.url`
 * @throws DependencyError with a sentence for the operator
 */
export async function describeNode(rpc: NodeRpc, network: NetworkName, setting: string): Promise<string> {
  try {
    const { blocks, doubts } = await checkNode(rpc, network, { setting });
    const found = `the node at ${rpc.endpoint} is on ${network} at height ${blocks} and takes blocks`;
    return [found, ...doubts.map(({ says }) => says)].join("; but ");
  } finally {
    rpc.close();
  }
}
