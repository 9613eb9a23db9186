import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha256d } from "@lode/bitcoin";
import { checkNode, NodeRpc, type NodeRpcError, type NodeRpcOptions } from "@lode/bitcoin/node";
import { systemClock } from "@lode/ports";
import { VirtualClock } from "@lode/testing/clock";
import { Transaction } from "bitcoinjs-lib";
import { afterEach, describe, expect, it } from "vitest";
import { extendChain, faucetOutpoints, minedBlock, spendAnyones } from "../chain/block-fixtures.ts";
import { grind } from "../chain/candidate.ts";
import { outpointKey } from "../chain/coins.ts";
import { COIN } from "../chain/parameters.ts";
import { ANYONE_CAN_SPEND } from "../chain/spend-rules.ts";
import { type DevnetNode, type DevnetNodeOptions, startDevnetNode } from "./devnet-node.ts";
import { type BlockTemplate, blockOfTemplate } from "./template-block.ts";

const ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const bytes = (text: string) => new Uint8Array(Buffer.from(text, "hex"));

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(options: DevnetNodeOptions = { user: "u", password: "p" }) {
  const node = await startDevnetNode(options);
  cleanups.push(() => node.close());
  return node;
}

function connect(node: DevnetNode, login: Partial<NodeRpcOptions> = { user: "u", password: "p" }) {
  const rpc = new NodeRpc({ url: node.url, ports: { clock: systemClock }, ...login });
  cleanups.push(() => rpc.close());
  return rpc;
}

function temporaryDirectory() {
  const directory = mkdtempSync(join(tmpdir(), "lode-node-"));
  cleanups.push(() => rmSync(directory, { recursive: true }));
  return directory;
}

const errorOf = async (call: Promise<unknown>) => {
  const error = await call.then(
    () => undefined,
    (thrown: NodeRpcError) => thrown,
  );
  return error?.type;
};

const template = async (rpc: NodeRpc, more: object = {}) =>
  (await rpc.call("getblocktemplate", [{ rules: ["segwit"], ...more }])) as BlockTemplate;

describe("a template", () => {
  it("becomes a block that the node takes, transactions and all", async () => {
    const node = await start();
    const rpc = connect(node);
    const [coin] = faucetOutpoints(node.chain, 1) as [string];
    const parent = spendAnyones(node.chain, [coin], 10n * COIN - 100n);
    const child = spendAnyones(node.chain, [outpointKey(parent.txid, 0)], 10n * COIN - 5000n);
    await rpc.call("sendrawtransaction", [hex(parent.raw)]);
    await rpc.call("sendrawtransaction", [hex(child.raw)]);
    const given = await template(rpc);
    expect(given).toMatchObject({
      height: 1,
      coinbasevalue: 5_000_005_000,
      bits: "207fffff",
      version: 0x20000000,
    });
    expect(given.transactions.map(({ fee, depends }) => ({ fee, depends }))).toEqual([
      { fee: 100, depends: [] },
      { fee: 4900, depends: [1] },
    ]);
    expect(given.curtime).toBeGreaterThanOrEqual(given.mintime);
    const info = (await rpc.call("getmininginfo")) as { currentblockweight: number; currentblocktx: number };
    const weight = given.transactions.reduce((sum, one) => sum + one.weight, 0);
    expect(info.currentblockweight - weight).toBe(8000);
    expect(info.currentblocktx).toBe(2);
    const block = blockOfTemplate(given, ANYONE_CAN_SPEND);
    expect(await template(rpc, { mode: "proposal", data: hex(block) })).toBeNull();
    expect(grind(block)).toBe(true);
    expect(await rpc.call("submitblock", [hex(block)])).toBeNull();
    expect(await rpc.call("submitblock", [hex(block)])).toBe("duplicate");
    expect(await rpc.call("getblockcount")).toBe(1);
    expect(await rpc.call("getrawmempool")).toEqual([]);
    expect(await rpc.call("getblock", [node.chain.tip.hash, 0])).toBe(hex(block));
  });

  it("holds synthetic transactions when there is traffic", async () => {
    const clock = new VirtualClock();
    const node = await start({ user: "u", password: "p", clock, transactionsPerMinute: 60 });
    const rpc = connect(node);
    clock.advance(5000);
    const given = await template(rpc);
    expect(given.transactions).toHaveLength(5);
    const block = blockOfTemplate(given, ANYONE_CAN_SPEND);
    grind(block);
    expect(await rpc.call("submitblock", [hex(block)])).toBeNull();
  });

  it("is refused to clients without segwit, in unknown modes and for broken proposals", async () => {
    const rpc = connect(await start());
    const ask = (request: object) => errorOf(rpc.call("getblocktemplate", [request]));
    expect(await errorOf(rpc.call("getblocktemplate"))).toMatchObject({ rpcCode: -8 });
    expect(await ask({ rules: ["csv"] })).toMatchObject({ rpcCode: -8 });
    expect(await ask({ mode: "guess" })).toMatchObject({ rpcCode: -8, rpcMessage: "Invalid mode" });
    expect(await ask({ mode: "proposal" })).toMatchObject({ rpcCode: -3 });
    expect(await ask({ mode: "proposal", data: "00" })).toMatchObject({ rpcCode: -22 });
  });
});

describe("a long poll", () => {
  it("is answered at once on a new tip, and not before", async () => {
    const node = await start();
    const rpc = connect(node);
    const before = await template(rpc);
    let answered = false;
    const poll = template(rpc, { longpollid: before.longpollid }).then((given) => {
      answered = true;
      return given;
    });
    await rpc.call("uptime");
    expect(answered).toBe(false);
    extendChain(node.chain, 1);
    expect(await poll).toMatchObject({ height: 2, previousblockhash: node.chain.tip.hash });
    expect(await template(rpc, { longpollid: before.longpollid })).toMatchObject({ height: 2 });
  });

  it("sees a changed mempool after a minute, then every ten seconds", async () => {
    const clock = new VirtualClock();
    const node = await start({ user: "u", password: "p", clock });
    const rpc = connect(node);
    const { longpollid } = await template(rpc);
    const poll = template(rpc, { longpollid });
    while (clock.pendingTimers === 0) await rpc.call("uptime");
    const [coin] = faucetOutpoints(node.chain, 1) as [string];
    clock.advance(60_000);
    node.mempool.accept(spendAnyones(node.chain, [coin], COIN).raw);
    clock.advance(9_999);
    expect(clock.pendingTimers).toBe(1);
    clock.advance(1);
    expect((await poll).transactions).toHaveLength(1);
    expect(clock.pendingTimers).toBe(0);
  });

  it("of a client that went away leaves nothing behind", async () => {
    const clock = new VirtualClock();
    const node = await start({ user: "u", password: "p", clock });
    const rpc = connect(node);
    const { longpollid } = await template(rpc);
    const stop = new AbortController();
    const poll = errorOf(
      rpc.call("getblocktemplate", [{ rules: ["segwit"], longpollid }], { signal: stop.signal }),
    );
    while (clock.pendingTimers === 0) await rpc.call("uptime");
    stop.abort();
    expect(await poll).toEqual({ code: "aborted" });
    while (clock.pendingTimers > 0) await rpc.call("uptime");
  });

  it("ends with an error when the node stops, and with −8 for an id that is none", async () => {
    const clock = new VirtualClock();
    const node = await startDevnetNode({ user: "u", password: "p", clock });
    const rpc = connect(node);
    const { longpollid } = await template(rpc);
    expect(await errorOf(template(rpc, { longpollid: "soon" }))).toMatchObject({ rpcCode: -8 });
    const poll = errorOf(template(rpc, { longpollid }));
    while (clock.pendingTimers === 0) await rpc.call("uptime");
    await node.close();
    expect(await poll).toMatchObject({ rpcCode: -9, rpcMessage: "Shutting down" });
  });
});

describe("the chain's methods", () => {
  it("show blocks and headers of the best chain and beside it", async () => {
    const node = await start();
    const rpc = connect(node);
    const genesis = node.chain.tip;
    const hashes = (await rpc.call("generatetoaddress", [3, ADDRESS])) as string[];
    expect(await rpc.call("getbestblockhash")).toBe(hashes[2]);
    expect(await rpc.call("getblockhash", [1])).toBe(hashes[0]);
    const sibling = minedBlock(node.chain, { parent: genesis, extranonce: Uint8Array.of(1) });
    expect(await rpc.call("submitblock", [hex(sibling)])).toBe("inconclusive");
    const siblingHash = hex(sha256d(sibling.subarray(0, 80)).toReversed());
    expect(await rpc.call("getblockheader", [siblingHash])).toMatchObject({ confirmations: -1, height: 1 });
    expect(await rpc.call("getblockheader", [hashes[0]])).toMatchObject({
      confirmations: 3,
      height: 1,
      previousblockhash: genesis.hash,
      nextblockhash: hashes[1],
      nTx: 1,
      bits: "207fffff",
      versionHex: "20000000",
    });
    const raw = (await rpc.call("getblockheader", [hashes[0], false])) as string;
    expect(hex(sha256d(bytes(raw)).toReversed())).toBe(hashes[0]);
    const block = (await rpc.call("getblock", [hashes[2], 2])) as { tx: { vout: { value: number }[] }[] };
    expect(block.tx[0]?.vout[0]).toMatchObject({ value: 50, scriptPubKey: { address: ADDRESS } });
    const brief = (await rpc.call("getblock", [hashes[2]])) as { tx: string[]; height: number };
    expect(brief).toMatchObject({ height: 3, confirmations: 1 });
    expect(await rpc.call("gettxout", [brief.tx[0], 0])).toMatchObject({
      value: 50,
      coinbase: true,
      confirmations: 1,
    });
    expect(await rpc.call("gettxout", [brief.tx[0], 1])).toBeNull();
  });

  it("move the tip to a preferred block of equal work", async () => {
    const node = await start();
    const rpc = connect(node);
    const genesis = node.chain.tip;
    extendChain(node.chain, 1);
    const sibling = minedBlock(node.chain, { parent: genesis, extranonce: Uint8Array.of(1) });
    node.chain.submit(sibling);
    const hash = hex(sha256d(sibling.subarray(0, 80)).toReversed());
    expect(await rpc.call("preciousblock", [hash])).toBeNull();
    expect(await rpc.call("getbestblockhash")).toBe(hash);
  });

  it("tell a client which network it is, and that it is ready", async () => {
    const rpc = connect(await start());
    expect(await checkNode(rpc, "regtest", { setting: "node.url" })).toMatchObject({
      blocks: 0,
      headers: 0,
      doubts: [],
    });
    await expect(checkNode(rpc, "mainnet", { setting: "node.url" })).rejects.toThrow(
      "is on regtest, but mainnet is configured",
    );
    expect(await rpc.call("getconnectioncount")).toBe(1);
    expect(await rpc.call("getnetworkinfo")).toMatchObject({ connections: 1, networkactive: true });
    expect(await rpc.call("getmempoolinfo")).toMatchObject({ loaded: true, size: 0 });
    expect(await rpc.call("getnetworkhashps")).toBe(0);
  });

  it("refuse wrong arguments with a node's codes", async () => {
    const rpc = connect(await start());
    const code = async (method: string, ...params: unknown[]) => {
      const error = await errorOf(rpc.call(method, params));
      return error?.code === "rpc" ? error.rpcCode : error;
    };
    expect(await code("getblockhash", 1)).toBe(-8);
    expect(await code("getblockhash", -1)).toBe(-8);
    expect(await code("getblockhash", "1")).toBe(-3);
    expect(await code("getblockhash")).toBe(-1);
    expect(await code("getblockhash", 1, 2)).toBe(-1);
    expect(await code("getblockheader", "00")).toBe(-8);
    expect(await code("getblockheader", "z".repeat(64))).toBe(-8);
    expect(await code("getblockheader", "00".repeat(32))).toBe(-5);
    expect(await code("getblock", "00".repeat(32))).toBe(-5);
    expect(await code("preciousblock", "00".repeat(32))).toBe(-5);
    expect(await code("submitblock", "zz")).toBe(-22);
    expect(await code("submitblock", "00")).toBe(-22);
    expect(await code("generatetoaddress", 1, "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4")).toBe(-5);
    expect(await code("generateblock", ADDRESS, ["00".repeat(32)])).toBe(-5);
    expect(await code("walletpassphrase")).toBe(-32601);
    expect(await code("constructor")).toBe(-32601);
  });

  it("take arguments by name", async () => {
    const node = await start();
    const rpc = connect(node);
    expect(await rpc.call("getblockhash", { height: 0 })).toBe(node.chain.tip.hash);
    expect(await errorOf(rpc.call("getblockhash", { hight: 0 }))).toMatchObject({ rpcCode: -8 });
  });
});

describe("the mempool's methods", () => {
  it("take, test, show and refuse transactions as a node does", async () => {
    const node = await start();
    const rpc = connect(node);
    const [coin] = faucetOutpoints(node.chain, 1) as [string];
    const payment = spendAnyones(node.chain, [coin], 10n * COIN - 1000n);
    const id = hex(payment.txid.toReversed());
    expect(await rpc.call("testmempoolaccept", [[hex(payment.raw)]])).toMatchObject([
      { txid: id, allowed: true },
    ]);
    expect(await rpc.call("getrawmempool")).toEqual([]);
    expect(await rpc.call("sendrawtransaction", [hex(payment.raw)])).toBe(id);
    expect(await rpc.call("sendrawtransaction", [hex(payment.raw)])).toBe(id);
    expect(await rpc.call("getmempoolentry", [id])).toMatchObject({ fees: { base: 0.00001 }, depends: [] });
    expect(await rpc.call("getrawtransaction", [id])).toBe(hex(payment.raw));
    expect(await rpc.call("gettxout", [id, 0])).toMatchObject({ confirmations: 0, value: 9.99999 });
    expect(await rpc.call("gettxout", [id, 0, false])).toBeNull();
    const rival = spendAnyones(node.chain, [coin], 10n * COIN - 1001n);
    expect(await errorOf(rpc.call("sendrawtransaction", [hex(rival.raw)]))).toMatchObject({
      rpcCode: -26,
      rpcMessage: "insufficient fee",
    });
    expect(await rpc.call("testmempoolaccept", [[hex(rival.raw)]])).toMatchObject([
      { allowed: false, "reject-reason": "insufficient fee" },
    ]);
    const { hash } = (await rpc.call("generateblock", [ADDRESS, [id]])) as { hash: string };
    expect(await rpc.call("getrawtransaction", [id, true, hash])).toMatchObject({
      txid: id,
      vout: [{ value: 9.99999 }],
    });
    expect(await errorOf(rpc.call("getrawtransaction", [id]))).toMatchObject({ rpcCode: -5 });
    expect(await errorOf(rpc.call("sendrawtransaction", [hex(payment.raw)]))).toMatchObject({ rpcCode: -27 });
    const orphan = new Transaction();
    orphan.addInput(new Uint8Array(32).fill(1), 0);
    orphan.addOutput(ANYONE_CAN_SPEND, 1n);
    expect(await errorOf(rpc.call("sendrawtransaction", [orphan.toHex()]))).toMatchObject({ rpcCode: -25 });
    expect(await errorOf(rpc.call("sendrawtransaction", ["00"]))).toMatchObject({ rpcCode: -22 });
  });
});

describe("the door", () => {
  it("opens to the cookie, which is new at every start, and to nobody else", async () => {
    const dataDir = temporaryDirectory();
    const node = await startDevnetNode({ dataDir });
    const cookieFile = node.cookieFile as string;
    expect(statSync(cookieFile).mode & 0o777).toBe(0o600);
    const rpc = connect(node, { cookieFile });
    await rpc.call("generatetoaddress", [2, ADDRESS]);
    expect(await errorOf(connect(node).call("uptime"))).toEqual({ code: "unauthorized", status: 401 });
    await node.close();
    expect(existsSync(cookieFile)).toBe(false);
    const again = await start({ dataDir, port: node.port });
    // The first call may still go into a connection that the restart broke.
    expect(await rpc.call("getblockcount").catch(() => rpc.call("getblockcount"))).toBe(2);
    await expect(startDevnetNode({ dataDir: temporaryDirectory(), port: again.port })).rejects.toThrow(
      "EADDRINUSE",
    );
    expect(await rpc.call("uptime")).toBe(0);
  });

  it("answers −28 while the node warms up", async () => {
    const node = await start();
    const rpc = connect(node);
    node.setWarmup("Loading block index…");
    expect(await errorOf(rpc.call("getblockchaininfo"))).toEqual({
      code: "rpc",
      rpcCode: -28,
      rpcMessage: "Loading block index…",
    });
    node.setWarmup(null);
    expect(await rpc.call("getblockcount")).toBe(0);
  });

  it("speaks JSON-RPC 1.0 with HTTP statuses, 2.0 without, and batches", async () => {
    const node = await start();
    const post = async (body: string, method = "POST", path = "/") => {
      const authorization = `Basic ${Buffer.from("u:p").toString("base64")}`;
      const response = await fetch(node.url + path, {
        method,
        headers: { authorization },
        ...(method === "POST" && { body }),
      });
      const text = await response.text();
      return [response.status, text === "" ? undefined : JSON.parse(text)];
    };
    expect(await post('{"id":7,"method":"getblockcount"}')).toEqual([200, { result: 0, error: null, id: 7 }]);
    expect((await post('{"id":7,"method":"nope"}'))[0]).toBe(404);
    expect((await post("7"))[0]).toBe(400);
    expect(await post("{")).toEqual([
      500,
      { result: null, error: { code: -32700, message: "Parse error" }, id: null },
    ]);
    expect(await post('{"jsonrpc":"2.0","id":"a","method":"getblockcount"}')).toEqual([
      200,
      { jsonrpc: "2.0", result: 0, id: "a" },
    ]);
    expect(await post('{"jsonrpc":"2.0","id":"a","method":"nope"}')).toMatchObject([
      200,
      { error: { code: -32601 } },
    ]);
    expect(await post('{"jsonrpc":"2.0","method":"getblockcount"}')).toEqual([204, undefined]);
    expect(await post('[{"id":1,"method":"getblockcount"},{"id":2,"method":"nope"}]')).toMatchObject([
      200,
      [{ result: 0 }, { error: { code: -32601 } }],
    ]);
    expect((await post("", "GET"))[0]).toBe(405);
    expect((await post("{}", "POST", "/wallet/x"))[0]).toBe(404);
  });
});
