import { type NetworkName, nbitsFromTarget, networkNames, networks } from "@lode/bitcoin";
import { checkNode, explainNodeFailure, NodeOptionsError, NodeRpc, parseNodeUrl } from "@lode/bitcoin/node";
import { startDevnetNode } from "@lode/devnet";
import { systemClock } from "@lode/ports";
import { ExitCode, ExitError } from "@lode/service";

/** The node that `lode dev` mines on. */
export interface DevChain {
  readonly network: NetworkName;
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly cookieFile: string;
  /** What to say about it at the start. */
  readonly description: string;
  stop(): Promise<void>;
}

/** Rate of the one simulated miner: every machine reaches it, also without the addon. */
export const MINER_HASHES_PER_SECOND = 20_000;
/** The miner finds a block in about this time, seconds. */
const BLOCK_SECONDS = 10;
const TRANSACTIONS_PER_MINUTE = 30;

/** The built-in chain: just hard enough that the one miner finds a block every ten to twenty seconds. */
export async function builtInChain(dataDir: string): Promise<DevChain> {
  const hashesPerBlock = BigInt(MINER_HASHES_PER_SECOND * BLOCK_SECONDS);
  const node = await startDevnetNode({
    dataDir,
    chain: { nbits: nbitsFromTarget((1n << 256n) / hashesPerBlock - 1n) },
    transactionsPerMinute: TRANSACTIONS_PER_MINUTE,
  });
  return {
    network: "regtest",
    url: node.url,
    user: "",
    password: "",
    cookieFile: node.cookieFile ?? "",
    description: "built-in chain (blocks are worth nothing)",
    stop: () => node.close(),
  };
}

/** The setting that names the user's node, in messages. */
const SETTING = "--bitcoind";

/** A node of the user's: its network is asked for. @throws ExitError, DependencyError */
export async function userChain(options: { url: string; cookieFile: string }): Promise<DevChain> {
  const rpc = connectTo(options);
  const { user, password } = parseNodeUrl(options.url);
  try {
    const network = await networkOf(rpc);
    await checkNode(rpc, network, { setting: SETTING });
    return {
      url: rpc.endpoint,
      user,
      password,
      cookieFile: options.cookieFile,
      network,
      description: `your node at ${rpc.endpoint} (${network})`,
      stop: async () => {},
    };
  } finally {
    rpc.close();
  }
}

function connectTo({ url, cookieFile }: { url: string; cookieFile: string }): NodeRpc {
  try {
    return new NodeRpc({ url, ...(cookieFile === "" ? {} : { cookieFile }), ports: { clock: systemClock } });
  } catch (error) {
    if (!(error instanceof NodeOptionsError)) throw error;
    const example = "such as http://user:password@127.0.0.1:8332, or --cookie-file";
    throw new ExitError(ExitCode.usage, `${SETTING}: ${error.message} (${example})`, { cause: error });
  }
}

async function networkOf(rpc: NodeRpc): Promise<NetworkName> {
  let info: unknown;
  try {
    info = await rpc.call("getblockchaininfo");
  } catch (error) {
    throw explainNodeFailure(error, { endpoint: rpc.endpoint, setting: SETTING });
  }
  const chain = typeof info === "object" && info !== null && "chain" in info ? info.chain : undefined;
  const network = networkNames.find((name) => networks[name].chain === chain);
  if (network !== undefined) return network;
  const known = networkNames.join(", ");
  throw new ExitError(
    ExitCode.config,
    `the node at ${rpc.endpoint} is on the chain ${JSON.stringify(chain)}, which Lode does not know: it knows ${known}`,
  );
}
