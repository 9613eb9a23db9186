import { DependencyError } from "@lode/ports";
import { type NetworkName, networkNames, networks } from "../networks.ts";
import { explainNodeFailure, type NodePlace } from "./node-failure.ts";
import type { NodeCallOptions, NodeRpc } from "./node-rpc.ts";
import { NodeRpcError } from "./rpc-error.ts";

/** What {@link checkNode} needs to know. */
export interface NodeCheckOptions extends NodeCallOptions {
  /** The setting that names the node, for messages: `node.url`, `--bitcoind`. */
  readonly setting: string;
}

/** Why blocks of a node's templates may be worth nothing although it answers. */
export type NodeDoubtCode = "initial-download" | "headers-ahead" | "no-peers";

/** All of them, for metrics. */
export const nodeDoubtCodes: readonly NodeDoubtCode[] = ["initial-download", "headers-ahead", "no-peers"];

/** One doubt, with its sentence for the operator. */
export interface NodeDoubt {
  readonly code: NodeDoubtCode;
  readonly says: string;
}

/** What a node tells that decides whether a block can count. */
export interface NodeReport {
  readonly network: NetworkName;
  /** Height of its best block. */
  readonly blocks: number;
  /** Height of its best header; above `blocks` while it catches up. */
  readonly headers: number;
  /** Displayed hash. */
  readonly bestBlockHash: string;
  readonly doubts: readonly NodeDoubt[];
}

type Caller = Pick<NodeRpc, "call" | "endpoint">;

/** Headers lead by a block or two whenever one arrives. */
const HEADERS_AHEAD = 3;
/** The one challenge that needs no signature: OP_TRUE. */
const OPEN_CHALLENGE = "51";
/** Bitcoin Core before 28 tells a signet's challenge in templates alone. */
const SIGNET_TEMPLATE = { rules: ["segwit", "signet"] };
/** No block: a node that would take one answers that it cannot be decoded (RPC_DESERIALIZATION_ERROR). */
const NO_BLOCK = "00";

/**
 * Asks a node everything that decides whether its blocks can count, and refuses another network than `network` (by name and
 * by the hash of block 0), signets whose blocks need a signature, and a login that may not call submitblock. Test networks answer getblocktemplate also without
 * peers and while they catch up, so these come back as doubts; a regtest node needs no peers.
 *
 * @throws DependencyError with a sentence for the operator
 */
export async function checkNode(
  rpc: Caller,
  network: NetworkName,
  options: NodeCheckOptions,
): Promise<NodeReport> {
  const place = { endpoint: rpc.endpoint, setting: options.setting };
  const call = async (method: string, params: readonly unknown[] = []) => {
    try {
      return await rpc.call(method, params, options);
    } catch (error) {
      throw explainNodeFailure(error, place);
    }
  };
  const wrong = (code: string, says: string) =>
    new DependencyError({ code, temporary: false }, `the node at ${rpc.endpoint} ${says}`);

  const info = await call("getblockchaininfo");
  const { chain, blocks, headers, bestblockhash, initialblockdownload, signet_challenge } = fieldsOf(info);
  if (
    typeof chain !== "string" ||
    typeof blocks !== "number" ||
    typeof headers !== "number" ||
    typeof bestblockhash !== "string" ||
    typeof initialblockdownload !== "boolean"
  ) {
    throw wrong("not-a-node", `does not answer as a Bitcoin node does: correct ${options.setting}`);
  }
  const expected = networks[network];
  if (chain !== expected.chain) {
    const actual = networkNames.find((name) => networks[name].chain === chain) ?? JSON.stringify(chain);
    throw wrong(
      "wrong-chain",
      `is on ${actual}, but ${network} is configured: correct the network or ${options.setting}`,
    );
  }
  const genesis = await call("getblockhash", [0]);
  if (genesis !== expected.genesis) {
    throw wrong(
      "wrong-genesis",
      `calls its chain ${network}, but that begins with another block (${String(genesis).slice(0, 64)}): correct ${options.setting}`,
    );
  }
  if (network === "signet") {
    const challenge =
      signet_challenge ?? fieldsOf(await call("getblocktemplate", [SIGNET_TEMPLATE])).signet_challenge;
    if (challenge !== OPEN_CHALLENGE) {
      throw wrong(
        "signet-challenge",
        `is on a signet whose blocks need a signature (challenge ${String(challenge).slice(0, 80)}): only signets with the challenge ${OPEN_CHALLENGE} (OP_TRUE) can be mined`,
      );
    }
  }
  try {
    await rpc.call("submitblock", [NO_BLOCK], options);
  } catch (error) {
    const isHeard =
      error instanceof NodeRpcError && error.type.code === "rpc" && error.type.rpcCode !== METHOD_NOT_FOUND;
    if (!isHeard) throw explainSubmitFailure(error, place);
  }
  const peers = network === "regtest" ? null : await call("getconnectioncount");
  return {
    network,
    blocks,
    headers,
    bestBlockHash: bestblockhash,
    doubts: doubtsOf(rpc.endpoint, { blocks, headers, initialblockdownload, peers }),
  };
}

/** RPC_METHOD_NOT_FOUND. */
const METHOD_NOT_FOUND = -32601;

/** The node answered other calls: a refusal of this one is about this one. */
function explainSubmitFailure(error: unknown, place: NodePlace): unknown {
  const isRefusal = error instanceof NodeRpcError && (error.code === "unauthorized" || error.code === "rpc");
  if (!isRefusal) return explainNodeFailure(error, place);
  return new DependencyError(
    { code: "no-submitblock", temporary: false },
    `the node at ${place.endpoint} does not let this user call submitblock, so it takes no blocks: add the method to rpcwhitelist in bitcoin.conf`,
    { cause: error },
  );
}

function doubtsOf(
  endpoint: string,
  facts: { blocks: number; headers: number; initialblockdownload: boolean; peers: unknown },
): NodeDoubt[] {
  const { blocks, headers, initialblockdownload, peers } = facts;
  const node = `the node at ${endpoint}`;
  const doubts: NodeDoubt[] = [];
  if (initialblockdownload) {
    const says = `${node} says that it is still catching up with its chain (block ${blocks} of ${headers}): what is mined on its templates is worth nothing until it has`;
    doubts.push({ code: "initial-download", says });
  } else if (headers - blocks >= HEADERS_AHEAD) {
    const says = `${node} knows headers up to ${headers} but blocks only up to ${blocks}: what is mined on its templates is behind`;
    doubts.push({ code: "headers-ahead", says });
  }
  if (peers === 0) {
    const says = `${node} has no peers: blocks it takes reach nobody; give it a connection to the network`;
    doubts.push({ code: "no-peers", says });
  }
  return doubts;
}

function fieldsOf(answer: unknown): Partial<Record<string, unknown>> & { signet_challenge?: unknown } {
  return typeof answer === "object" && answer !== null ? answer : {};
}
