import { coinbaseWithWitness, sha256d } from "@lode/bitcoin";
import { BlockStore } from "@lode/ledger/blocks";
import { noMetrics, silentLogger } from "@lode/ports";
import { VirtualClock } from "@lode/testing/clock";
import { startTestDatabase, type TestDatabase } from "@lode/testing/database";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { BlockCandidate } from "./block-candidates.ts";
import { BlockRecorder } from "./block-recorder.ts";
import { ConfirmationTracker, stateAfter } from "./confirmation-tracker.ts";

let database: TestDatabase;
let store: BlockStore;
beforeAll(async () => {
  database = await startTestDatabase();
  store = new BlockStore(database.sql);
});
afterAll(() => database.close());

/** The coinbase of the genesis block. */
const COINBASE = Buffer.from(
  "01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff4d04ffff001d0104455468652054696d65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e206272696e6b206f66207365636f6e64206261696c6f757420666f722062616e6b73ffffffff0100f2052a01000000434104678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5fac00000000",
  "hex",
);

function candidate(seed: number, change: Partial<BlockCandidate> = {}): BlockCandidate {
  const hash = (n: number) => Buffer.from(sha256d(Uint8Array.of(n))).toString("hex");
  return {
    hash: hash(seed),
    height: 100 + seed,
    prevHash: hash(seed - 1),
    header: "00".repeat(80),
    coinbaseTx: Buffer.from(coinbaseWithWitness(COINBASE)).toString("hex"),
    block: null,
    source: "main",
    templateId: "1",
    finder: "addr.rig",
    finderScript: "0014".padEnd(44, "1"),
    worker: "rig",
    run: "00000000-0000-4000-8000-000000000001",
    connectionId: 1,
    channelId: 2,
    jobKind: "solo",
    foundAt: "2026-01-01T00:00:00.000Z",
    state: "found",
    answers: [],
    ...change,
  };
}

const internal = (hash: string) => new Uint8Array(Buffer.from(hash, "hex").reverse());

describe("BlockRecorder", () => {
  it("records a block that was found while the database was away, with what was answered meanwhile", async () => {
    const clock = new VirtualClock();
    let isAway = true;
    const flaky = {
      record: (block: Parameters<BlockStore["record"]>[0]) =>
        isAway ? Promise.reject(new Error("away")) : store.record(block),
      recordAttempt: store.recordAttempt.bind(store),
      find: store.find.bind(store),
      move: store.move.bind(store),
    };
    const recorder = new BlockRecorder({ store: flaky, clock, logger: silentLogger, metrics: noMetrics });
    const found = candidate(1);
    recorder.record(found);
    await clock.advanceAsync(3_000);
    recorder.record({ ...found, state: "accepted", answers: ["node a: ok", "node b: duplicate"] });
    isAway = false;
    await clock.advanceAsync(60_000);
    await expect.poll(async () => (await store.find(internal(found.hash)))?.state).toBe("active");
    expect(await store.find(internal(found.hash))).toMatchObject({
      scheme: "solo",
      finder: { worker: "rig" },
    });
    expect((await store.find(internal(found.hash)))!.outputs.map(({ sats }) => sats)).toEqual([
      5_000_000_000n,
    ]);
    expect(
      (await store.attempts(internal(found.hash))).map(({ path, answer }) => `${path}=${answer}`),
    ).toEqual(["node a=ok", "node b=duplicate"]);
    await recorder.stop();
    expect(clock.pendingTimers).toBe(0);
  });

  it("leaves a row alone that the nodes' votes have moved on", async () => {
    const recorder = new BlockRecorder({
      store,
      clock: new VirtualClock(),
      logger: silentLogger,
      metrics: noMetrics,
    });
    const found = candidate(2);
    recorder.record(found);
    await expect.poll(async () => (await store.find(internal(found.hash)))?.state).toBe("candidate");
    await store.move(internal(found.hash), "candidate", "orphaned", -6, "nodes");
    recorder.record({ ...found, state: "accepted" });
    await recorder.stop();
    expect((await store.find(internal(found.hash)))?.state).toBe("orphaned");
  });
});

describe("ConfirmationTracker", () => {
  it("takes a block to maturity by the nodes' votes, and back when it leaves the best chain", async () => {
    const found = candidate(3);
    await new BlockRecorder({
      store,
      clock: new VirtualClock(),
      logger: silentLogger,
      metrics: noMetrics,
    }).record(found);
    await expect.poll(async () => (await store.find(internal(found.hash)))?.state).toBe("candidate");
    let confirmations = 1;
    const node = {
      name: "a",
      confirmations: async (hash: string) => (hash === found.hash ? confirmations : 20),
      syncedHeight: async () => 130,
    };
    const tracker = new ConfirmationTracker({ store, nodes: [node], confirmNodes: 2, logger: silentLogger });
    const seen: string[] = [];
    for (confirmations of [1, 5, -1, 7, 100, 101]) {
      await tracker.round();
      const row = (await store.find(internal(found.hash)))!;
      seen.push(`${row.state} ${row.confirmations} ${row.activation}`);
    }
    expect(seen).toEqual([
      "active 1 1",
      "active 5 1",
      "orphaned -19 1",
      "active 7 2",
      "active 100 2",
      "mature 101 2",
    ]);
  });

  it.each([
    ["candidate", 0, { is: "inactive", buried: 3 }, "candidate"],
    ["active", 1, { is: "inactive", buried: 3 }, "submitted"],
    ["submitted", 0, { is: "inactive", buried: 6 }, "stale"],
    ["submitted", 1, { is: "inactive", buried: 6 }, "orphaned"],
    ["rejected", 0, { is: "inactive", buried: 50 }, "rejected"],
    ["rejected", 0, { is: "active", confirmations: 2 }, "active"],
  ] as const)("a block that is %s, %i times active, and %o is %s", (state, activation, verdict, expected) => {
    expect(stateAfter({ state, activation }, verdict)).toBe(expected);
  });
});
