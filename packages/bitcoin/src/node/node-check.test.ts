import { type Clock, DependencyError, noMetrics } from "@lode/ports";
import { describe, expect, it } from "vitest";
import { type NetworkName, networks } from "../networks.ts";
import { checkNode } from "./node-check.ts";
import { NodeMonitor } from "./node-monitor.ts";
import type { NodeRpc } from "./node-rpc.ts";
import { NodeRpcError, type NodeRpcErrorType } from "./rpc-error.ts";

const INFO = { chain: "signet", blocks: 5, headers: 5, bestblockhash: "ab", initialblockdownload: false };

/** A node whose answers are given by method; a function is called, an error thrown. */
function nodeWith(answers: Record<string, unknown>) {
  const all: Record<string, unknown> = {
    getblockchaininfo: { ...INFO, signet_challenge: "51" },
    getblockhash: networks.signet.genesis,
    getconnectioncount: 8,
    submitblock: new NodeRpcError({ code: "rpc", rpcCode: -22, rpcMessage: "Block decode failed" }),
    ...answers,
  };
  const rpc: Pick<NodeRpc, "call" | "endpoint"> = {
    endpoint: "http://10.0.0.7:8332/",
    call: async (method) => {
      const answer = all[method];
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
  return { rpc, all };
}

async function outcome(answers: Record<string, unknown>, network: NetworkName = "signet") {
  try {
    const report = await checkNode(nodeWith(answers).rpc, network, { setting: "node.url" });
    return report.doubts.map(({ code }) => code).join();
  } catch (error) {
    if (!(error instanceof DependencyError)) throw error;
    expect(error.message).toMatch(/^the node at http:\/\/10\.0\.0\.7:8332\/ [^\n]{10,300}$/);
    return `${error.temporary ? "waits" : "wrong"}: ${error.code}`;
  }
}

describe("the check of a node", () => {
  it.each<[string, Record<string, unknown>]>([
    ["", {}],
    ["wrong: wrong-chain", { getblockchaininfo: { ...INFO, chain: "main" } }],
    ["wrong: wrong-chain", { getblockchaininfo: { ...INFO, chain: "x\n".repeat(9) } }],
    ["wrong: wrong-genesis", { getblockhash: "ff".repeat(32) }],
    ["wrong: wrong-genesis", { getblockhash: { a: 1 } }],
    ["wrong: signet-challenge", { getblockchaininfo: { ...INFO, signet_challenge: "5121ad51ae" } }],
    [
      "wrong: signet-challenge",
      { getblocktemplate: { signet_challenge: "5121ad51ae" }, getblockchaininfo: INFO },
    ],
    ["", { getblocktemplate: { signet_challenge: "51" }, getblockchaininfo: INFO }],
    ["wrong: no-submitblock", { submitblock: new NodeRpcError({ code: "unauthorized", status: 403 }) }],
    ["waits: busy", { submitblock: new NodeRpcError({ code: "busy" }) }],
    ["", { submitblock: "bad-signet-blksig" }],
    ["wrong: not-a-node", { getblockchaininfo: { ...INFO, headers: "5" } }],
    ["wrong: not-a-node", { getblockchaininfo: null }],
    [
      "initial-download",
      { getblockchaininfo: { ...INFO, signet_challenge: "51", initialblockdownload: true } },
    ],
    ["headers-ahead", { getblockchaininfo: { ...INFO, signet_challenge: "51", headers: 8 } }],
    ["no-peers", { getconnectioncount: 0 }],
  ])("finds %j", async (expected, answers) => {
    expect(await outcome(answers)).toBe(expected);
  });

  it.each<[string, NodeRpcErrorType]>([
    ["waits: unreachable", { code: "unreachable", errno: "ECONNREFUSED" }],
    ["waits: unreachable", { code: "unreachable", errno: "ENOTFOUND" }],
    ["waits: timeout", { code: "timeout", timeoutMs: 30_000 }],
    ["waits: warming-up", { code: "rpc", rpcCode: -28, rpcMessage: "Loading block index…" }],
    ["waits: no-peers", { code: "rpc", rpcCode: -9, rpcMessage: "Bitcoin Core is not connected!" }],
    ["waits: initial-download", { code: "rpc", rpcCode: -10, rpcMessage: "is in initial sync" }],
    ["waits: busy", { code: "busy" }],
    ["waits: bad-gateway", { code: "malformed", status: 502, reason: "json" }],
    ["waits: no-cookie", { code: "no-cookie", path: "/x/.cookie", errno: "ENOENT" }],
    ["wrong: no-cookie", { code: "no-cookie", path: "/x/.cookie", errno: "EACCES" }],
    ["wrong: unauthorized", { code: "unauthorized", status: 401 }],
    ["wrong: forbidden", { code: "unauthorized", status: 403 }],
    ["wrong: refused", { code: "rpc", rpcCode: -32601, rpcMessage: "Method not found\n" }],
    ["wrong: not-a-node", { code: "malformed", status: 404, reason: "json" }],
    ["wrong: not-a-node", { code: "unreachable", errno: "HPE_INVALID_CONSTANT" }],
    ["wrong: bad-certificate", { code: "unreachable", errno: "DEPTH_ZERO_SELF_SIGNED_CERT" }],
    ["wrong: too-large", { code: "too-large", limit: 100 }],
  ])("says of a failed call %j, in one sentence", async (expected, type) => {
    expect(await outcome({ getblockchaininfo: new NodeRpcError(type) })).toBe(expected);
  });
});

describe("the watch over a node", () => {
  it("warns of each change once, and asks every minute, sooner while the node is away", async () => {
    const { rpc, all } = nodeWith({});
    const lines: string[] = [];
    const log = (fields: object, text: string) => void lines.push(`${text} ${JSON.stringify(fields)}`);
    const logger = { debug: log, info: log, warn: log, error: log };
    const timers: { ms: number; run: () => void }[] = [];
    let now = 0;
    const clock: Clock = {
      now: () => now,
      monotonic: () => now,
      after: (ms, run) => {
        const timer = { ms, run };
        timers.push(timer);
        return { cancel: () => void (timers.includes(timer) && timers.splice(timers.indexOf(timer), 1)) };
      },
      every: () => ({ cancel: () => {} }),
      soon: (run) => run(),
    };
    const options = { name: "a", network: "signet" as const, setting: "nodes.0.url", clock, logger };
    const monitor = new NodeMonitor({ ...options, rpc, metrics: noMetrics });
    const pass = async () => {
      now += 61_000;
      return (await monitor.check()).code;
    };
    expect(await pass()).toBe("usable");
    expect([lines, timers.map(({ ms }) => ms)]).toEqual([[], [60_000]]);
    all["getblockchaininfo"] = new NodeRpcError({ code: "unauthorized", status: 401 });
    expect([await pass(), await monitor.check().then(({ code }) => code)]).toEqual(["unusable", "unusable"]);
    expect(lines.splice(0)).toEqual([expect.stringContaining("refuses the credentials (HTTP 401)")]);
    expect(timers.map(({ ms }) => ms)).toContain(5_000);
    all["getblockchaininfo"] = { ...INFO, signet_challenge: "51", headers: 100 };
    expect(await pass()).toBe("usable");
    expect(lines.splice(0)).toEqual([
      expect.stringContaining("can be used"),
      expect.stringContaining("knows headers up to 100 but blocks only up to 5"),
    ]);
    monitor.stop();
  });
});
