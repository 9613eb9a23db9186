import { CodedError } from "@lode/ports";
import { type NetworkName, networks } from "../networks.ts";
import type { NodeCallOptions, NodeRpc } from "./node-rpc.ts";

/** A node of another network than the configured one, or one that does not say which it is. */
export type ChainErrorType =
  | { code: "wrong-chain"; expected: string; actual: string }
  | { code: "wrong-genesis"; expected: string; actual: string }
  | { code: "invalid-chain-info"; field: string };
/** Thrown by {@link checkChain}. */
export class ChainError extends CodedError<ChainErrorType> {}

/** A node's view of its chain (getblockchaininfo). */
export interface ChainStatus {
  /** Height of its best block. */
  blocks: number;
  /** Height of its best header; above `blocks` while it catches up. */
  headers: number;
  /** Displayed hash. */
  bestBlockHash: string;
  initialBlockDownload: boolean;
  /** Hex of the signet's challenge script; undefined elsewhere. */
  signetChallenge: string | undefined;
}

/**
 * Asks a node which chain it follows and refuses any but `network`: by name and by the hash of block 0. Test networks never
 * answer "not connected" or "initial download" to getblocktemplate, so callers must look at the returned status too.
 *
 * @throws ChainError, NodeRpcError
 */
export async function checkChain(
  rpc: NodeRpc,
  network: NetworkName,
  options: NodeCallOptions = {},
): Promise<ChainStatus> {
  const { chain, genesis } = networks[network];
  const status = await chainStatus(rpc, options);
  if (status.chain !== chain) {
    throw new ChainError({ code: "wrong-chain", expected: chain, actual: status.chain });
  }
  const actual = String(await rpc.call("getblockhash", [0], options));
  if (actual !== genesis) throw new ChainError({ code: "wrong-genesis", expected: genesis, actual });
  return status;
}

type ChainInfo = Record<string, unknown> & { signet_challenge?: unknown };

async function chainStatus(rpc: NodeRpc, options: NodeCallOptions): Promise<ChainStatus & { chain: string }> {
  const info = (await rpc.call("getblockchaininfo", [], options)) as ChainInfo | null;
  const field = <T extends string | number | boolean>(name: string, example: T) => {
    const value = info?.[name];
    if (typeof value !== typeof example) throw new ChainError({ code: "invalid-chain-info", field: name });
    return value as T;
  };
  const challenge = info?.signet_challenge;
  return {
    chain: field<string>("chain", ""),
    blocks: field<number>("blocks", 0),
    headers: field<number>("headers", 0),
    bestBlockHash: field<string>("bestblockhash", ""),
    initialBlockDownload: field<boolean>("initialblockdownload", false),
    signetChallenge: typeof challenge === "string" ? challenge : undefined,
  };
}
