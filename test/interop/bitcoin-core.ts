import { mkdirSync } from "node:fs";
import { basename, join } from "node:path";
import { NodeRpc } from "@lode/bitcoin/node";
import { systemClock } from "@lode/ports";
import type { RunningProcess } from "@lode/testing/process";
import { freePort } from "@lode/testing/process";
import { SIGNET_KEY, signetBlocks } from "./signet-blocks.ts";
import type { Workbench } from "./workbench.ts";

/**
 * `regtest`: nearly every hash is a block. `signet`: a signet of our own (anybody may sign) whose blocks take 4.8 million
 * hashes, so that a CPU miner's shares are easier than blocks, as in the real world.
 */
export type CoreNetwork = "regtest" | "signet";

/** A Bitcoin Core node on a chain of its own, with a wallet that has ripe coins. */
export interface BitcoinCore {
  readonly process: RunningProcess;
  readonly network: CoreNetwork;
  readonly dataDir: string;
  readonly url: string;
  readonly cookieFile: string;
  call(method: string, ...params: unknown[]): Promise<unknown>;
  height(): Promise<number>;
  newAddress(): Promise<string>;
}

/** Enough for ten ripe coinbases (depth 101). */
const BLOCKS = 110;
/** Hashes the node tries for a block on signet, few enough for a busy machine to answer in time: it finds one in 98 of 100. */
const SIGNET_TRIES = 20_000_000;
/** BIP325 challenge that every block meets: OP_TRUE. */
const OPEN_CHALLENGE = "51";

/** Starts the node and gives it its first blocks. Only bitcoin-node offers the interface that sv2-tp needs. */
export async function startBitcoinCore(
  bench: Workbench,
  program: string,
  network: CoreNetwork = "regtest",
): Promise<BitcoinCore> {
  const dataDir = join(bench.folder, "node");
  mkdirSync(dataDir);
  const port = await freePort();
  const ipc = basename(program).startsWith("bitcoin-node") ? ["-ipcbind=unix"] : [];
  const challenge = network === "signet" ? [`-signetchallenge=${OPEN_CHALLENGE}`] : [];
  const node = bench.start("bitcoin core", program, [
    ...[`-${network}`, ...challenge, `-datadir=${dataDir}`, "-listen=0", "-connect=0"],
    ...["-fallbackfee=0.0002", `-rpcport=${port}`, ...ipc],
  ]);
  const cookieFile = join(dataDir, network, ".cookie");
  const url = `http://127.0.0.1:${port}`;
  const rpc = new NodeRpc({ url, cookieFile, timeoutMs: 60_000, ports: { clock: systemClock } });
  bench.onClear(() => rpc.close());
  const call = (method: string, ...params: unknown[]) => rpc.call(method, params);
  await bench.until("answer from the node", 60, async () => (await call("getblockcount")) !== null, [node]);
  const { subversion } = (await call("getnetworkinfo")) as { subversion: string };
  bench.say(`  node ${subversion} on ${network}`);
  const newAddress = async () => String(await call("getnewaddress", "", "bech32"));
  const height = async () => Number(await call("getblockcount"));
  const core = { process: node, network, dataDir, url, cookieFile, call, height, newAddress };
  await call("createwallet", "interop");
  if (network === "regtest") await call("generatetoaddress", BLOCKS, await newAddress());
  else await loadPreparedChain(core);
  return core;
}

/** Blocks whose work is done already, their coins for the wallet, and one block of today: an old tip is no start. */
async function loadPreparedChain(core: BitcoinCore): Promise<void> {
  for (const { bytes } of signetBlocks()) {
    const verdict = await core.call("submitblock", Buffer.from(bytes).toString("hex"));
    if (verdict !== null) throw new Error(`the node refuses a prepared block: ${JSON.stringify(verdict)}`);
  }
  const descriptor = `wpkh(${SIGNET_KEY})`;
  const { checksum } = (await core.call("getdescriptorinfo", descriptor)) as { checksum: string };
  await core.call("importdescriptors", [{ desc: `${descriptor}#${checksum}`, timestamp: 0 }]);
  while (!(await mineBlock(core)));
}

/**
 * Lets the node itself look for the next block: for miners, a block of somebody else. It may come second, and then it is in no
 * chain.
 *
 * @returns false when it found none
 */
export async function mineBlock(core: BitcoinCore): Promise<boolean> {
  const found = await core.call("generatetoaddress", 1, await core.newAddress(), SIGNET_TRIES);
  return (found as string[]).length > 0;
}

/** Puts payments from segwit coins into the mempool. Returns their ids. */
export async function sendSegwitPayments(core: BitcoinCore, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let i = 0; i < count; i++) {
    ids.push(String(await core.call("sendtoaddress", await core.newAddress(), 1)));
  }
  return ids;
}

/** A block as `getblock` with verbosity 2 shows it: the parts looked at here. */
export interface VerboseBlock {
  readonly hash: string;
  readonly height: number;
  readonly confirmations: number;
  readonly tx: readonly {
    readonly txid: string;
    readonly hash: string;
    readonly vin: readonly { readonly coinbase?: string }[];
    readonly vout: readonly { readonly value: number; readonly scriptPubKey: { readonly hex: string } }[];
  }[];
}

/** The block of the best chain at a height. */
export async function blockAt(core: BitcoinCore, height: number): Promise<VerboseBlock> {
  const hash = await core.call("getblockhash", height);
  return (await core.call("getblock", hash, 2)) as VerboseBlock;
}
