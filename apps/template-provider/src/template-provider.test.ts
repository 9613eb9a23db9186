import { NodeRpcError, type NodeState } from "@lode/bitcoin/node";
import { noMetrics, silentLogger, systemClock } from "@lode/ports";
import { TemplateClient } from "@lode/roles";
import { memoryPair } from "@lode/transport/testing";
import { expect, it, onTestFinished, vi } from "vitest";
import { TemplateProvider } from "./template-provider.ts";

const ANSWER = {
  version: 0x20000000,
  height: 5,
  previousblockhash: "11".repeat(32),
  transactions: [],
  coinbasevalue: 5_000_000_000,
  bits: "207fffff",
  curtime: 1_700_000_000,
  mintime: 1_600_000_000,
  longpollid: "x",
};

it("clients of a node that gives no templates any more are cut off, and served again when it is back", async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const clock = systemClock;
  let away = false;
  let checks = 0;
  const rpc = {
    endpoint: "http://127.0.0.1:8332/",
    call: (method: string, params: readonly unknown[] = []) => {
      if (away) return Promise.reject(new NodeRpcError({ code: "unreachable", errno: "ECONNREFUSED" }));
      if (method === "getbestblockhash") return Promise.resolve(ANSWER.previousblockhash);
      const isLongPoll = JSON.stringify(params).includes("longpollid");
      return isLongPoll ? new Promise<never>(() => {}) : Promise.resolve(ANSWER);
    },
  };
  const options = { clock, logger: silentLogger, metrics: noMetrics };
  const check = async (): Promise<NodeState> => {
    checks += 1;
    return {
      code: "usable",
      report: { network: "regtest", blocks: 4, headers: 4, bestBlockHash: "", doubts: [] },
    };
  };
  const provider = new TemplateProvider({ rpc, setting: "node.url", check, ...options });
  provider.start();
  const got: string[] = [];
  const connect = () => {
    const [client, server] = memoryPair(clock);
    provider.accept(server);
    new TemplateClient(
      client,
      {
        ...options,
        sourceId: "main",
        vendor: "test",
        coinbaseOutputMaxAdditionalSize: 100,
        coinbaseOutputMaxAdditionalSigops: 4,
        firstTemplateWithinMs: 600_000,
      },
      {
        onTemplate: () => got.push("template"),
        onPrevHash: () => got.push("tip"),
        onTransactions: () => {},
        onClose: () => got.push("closed"),
      },
    );
  };
  await vi.advanceTimersByTimeAsync(100);
  connect();
  await vi.advanceTimersByTimeAsync(100);
  expect(got.splice(0)).toEqual(["template", "tip"]);
  away = true;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(got).toEqual([]);
  await vi.advanceTimersByTimeAsync(40_000);
  expect(got.splice(0)).toEqual(["closed"]);
  connect();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(got).toEqual([]);
  away = false;
  expect(checks).toBe(0);
  await vi.advanceTimersByTimeAsync(30_000);
  expect(got).toEqual(["template", "tip"]);
  expect(checks).toBe(1);
  provider.stop();
});
