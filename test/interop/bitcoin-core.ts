import { mkdirSync } from "node:fs";
import { basename, join } from "node:path";
import { NodeRpc } from "@lode/bitcoin/node";
import { systemClock } from "@lode/ports";
import type { RunningProcess } from "./running-process.ts";
import { freePort, type Workbench } from "./workbench.ts";

/** A Bitcoin Core node on a regtest chain of its own, with a wallet that has ripe coins. */
export interface BitcoinCore {
  readonly process: RunningProcess;
  readonly dataDir: string;
  readonly url: string;
  readonly cookieFile: string;
  call(method: string, ...params: unknown[]): Promise<unknown>;
  height(): Promise<number>;
  newAddress(): Promise<string>;
}

/** Enough for ten ripe coinbases (depth 101). */
const BLOCKS = 110;

/** Starts the node and mines its first blocks. Only bitcoin-node offers the interface that sv2-tp needs. */
export async function startBitcoinCore(bench: Workbench, program: string): Promise<BitcoinCore> {
  const dataDir = join(bench.folder, "node");
  mkdirSync(dataDir);
  const port = await freePort();
  const ipc = basename(program).startsWith("bitcoin-node") ? ["-ipcbind=unix"] : [];
  const node = bench.start("bitcoin core", program, [
    ...["-regtest", `-datadir=${dataDir}`, "-listen=0", "-connect=0", "-fallbackfee=0.0002"],
    ...[`-rpcport=${port}`, ...ipc],
  ]);
  const cookieFile = join(dataDir, "regtest", ".cookie");
  const url = `http://127.0.0.1:${port}`;
  const rpc = new NodeRpc({ url, cookieFile, timeoutMs: 60_000, ports: { clock: systemClock } });
  bench.onClear(() => rpc.close());
  const call = (method: string, ...params: unknown[]) => rpc.call(method, params);
  await bench.until("answer from the node", 60, async () => (await call("getblockcount")) !== null, [node]);
  const { subversion } = (await call("getnetworkinfo")) as { subversion: string };
  bench.say(`  node ${subversion} on regtest`);
  await call("createwallet", "interop");
  const newAddress = async () => String(await call("getnewaddress", "", "bech32"));
  await call("generatetoaddress", BLOCKS, await newAddress());
  const height = async () => Number(await call("getblockcount"));
  return { process: node, dataDir, url, cookieFile, call, height, newAddress };
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
