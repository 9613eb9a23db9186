import { type NetworkName, nbitsFromTarget, networkNames, networks } from "@lode/bitcoin";
import { NodeRpc } from "@lode/bitcoin/node";
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

/** A node of the user's: its network is asked for. @throws ExitError */
export async function userChain(options: { url: string; cookieFile: string }): Promise<DevChain> {
  const url = URL.canParse(options.url) ? new URL(options.url) : null;
  if (url === null)
    throw new ExitError(ExitCode.usage, `--bitcoind takes a URL such as http://127.0.0.1:8332`);
  const [user, password] = [decodeURIComponent(url.username), decodeURIComponent(url.password)];
  url.username = "";
  url.password = "";
  const credentials = { url: url.href, user, password, cookieFile: options.cookieFile };
  const rpc = new NodeRpc({
    url: url.href,
    ...(options.cookieFile === "" ? { user, password } : { cookieFile: options.cookieFile }),
    ports: { clock: systemClock },
  });
  try {
    const info = (await rpc.call("getblockchaininfo", [])) as { chain?: unknown } | null;
    const network = networkNames.find((name) => networks[name].chain === info?.chain);
    if (network === undefined)
      throw new ExitError(ExitCode.unavailable, `the node is on an unknown chain: ${info?.chain}`);
    return {
      ...credentials,
      network,
      description: `your node at ${url.href} (${network})`,
      stop: async () => {},
    };
  } catch (error) {
    if (error instanceof ExitError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new ExitError(
      ExitCode.unavailable,
      `the node at ${url.href} does not answer (${reason}): is it running with server=1, and are user and password (in the URL) or --cookie-file right?`,
    );
  } finally {
    rpc.close();
  }
}
