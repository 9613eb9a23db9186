import { startTestDatabase, type TestDatabase } from "@lode/testing/database";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BlockStore, type NewBlock, SEEN_ON_CHAIN } from "./block-store.ts";

let database: TestDatabase;
let store: BlockStore;

beforeAll(async () => {
  database = await startTestDatabase();
  store = new BlockStore(database.sql);
});
afterAll(() => database.close());

const bytes = (fill: number, length = 32) => new Uint8Array(length).fill(fill);
const plain = (value: Uint8Array) => Buffer.from(value).toString("hex");

function block(fill: number, change: Partial<NewBlock> = {}): NewBlock {
  return {
    hash: bytes(fill),
    height: 800_000 + fill,
    prevHash: bytes(fill - 1),
    header: bytes(fill, 80),
    coinbaseTx: bytes(1, 60),
    scheme: "solo",
    finder: {
      script: bytes(9, 22),
      worker: "rig",
      run: "00000000-0000-4000-8000-000000000001",
      connectionId: 4_294_967_295,
      channelId: 2,
    },
    source: "main",
    foundAt: 1_700_000_000_000,
    outputs: [
      { sats: 2_099_999_997_690_000n, script: bytes(9, 22) },
      { sats: 0n, script: bytes(0x6a, 38) },
    ],
    ...change,
  };
}

describe("BlockStore", () => {
  it("records a block once, with its finder and to the satoshi", async () => {
    expect([await store.record(block(1)), await store.record(block(1))]).toEqual([true, false]);
    const row = (await store.find(bytes(1)))!;
    expect(row).toMatchObject({
      height: 800_001,
      state: "candidate",
      scheme: "solo",
      source: "main",
      foundAt: 1_700_000_000_000,
      finder: { worker: "rig" },
    });
    expect(row.outputs.map(({ sats, script }) => [sats, plain(script)])).toEqual([
      [2_099_999_997_690_000n, plain(bytes(9, 22))],
      [0n, plain(bytes(0x6a, 38))],
    ]);
  });

  it("learns later who found a block that was seen on the chain first", async () => {
    await store.record(block(2, { finder: null, source: SEEN_ON_CHAIN }));
    expect((await store.find(bytes(2)))?.finder).toBeNull();
    await store.record(block(2));
    expect(await store.find(bytes(2))).toMatchObject({ source: "main", finder: { worker: "rig" } });
  });

  it("moves a block only from the state it was seen in, and keeps every change", async () => {
    await store.record(block(3));
    const hash = bytes(3);
    expect(await store.move(hash, "candidate", "active", 1, "node a")).toBe(true);
    expect(await store.move(hash, "candidate", "stale", -6, "node b")).toBe(false);
    expect(await store.move(hash, "active", "active", 2, "node a")).toBe(true);
    expect(await store.move(hash, "active", "active", 2, "node a")).toBe(false);
    expect(await store.move(hash, "active", "orphaned", -6, "node a")).toBe(true);
    expect(await store.move(hash, "orphaned", "active", 7, "node a")).toBe(true);
    const events = await database.sql`
      select old_state, new_state, confirmations from block_event where hash = ${hash} order by at`;
    expect(
      events.map(({ old_state, new_state, confirmations }) => [old_state, new_state, confirmations]),
    ).toEqual([
      [null, "candidate", 0],
      ["candidate", "active", 1],
      ["active", "orphaned", -6],
      ["orphaned", "active", 7],
    ]);
    const [row] = await database.sql`select activation from block where hash = ${hash}`;
    expect(row?.["activation"]).toBe(2);
  });

  it("keeps each path's answer once", async () => {
    await store.record(block(4));
    for (const answer of ["inconclusive", "ok", "ok"]) await store.recordAttempt(bytes(4), "node", answer);
    expect((await store.attempts(bytes(4))).map(({ answer }) => answer)).toEqual(["inconclusive", "ok"]);
  });

  it("lists what may still change: not what is mature, or lost and deep", async () => {
    for (const [fill, state] of [
      [11, "mature"],
      [12, "stale"],
      [13, "orphaned"],
      [14, "active"],
    ] as const) {
      await store.record(block(fill));
      await store.move(bytes(fill), "candidate", state, 0, "test");
    }
    const open = await store.open(800_013, 100);
    expect(open.map(({ height }) => height).filter((height) => height > 800_010)).toEqual([800_013, 800_014]);
    expect((await store.list(2)).map(({ height }) => height)).toEqual([800_014, 800_013]);
  });

  it("knows the pool's scripts for ever, and lets one process move the scan", async () => {
    await store.addPoolScript(bytes(1, 22), "reward");
    await store.addPoolScript(bytes(1, 22), "fee");
    expect([...(await store.poolScripts())]).toEqual([plain(bytes(1, 22))]);
    expect(await store.scanPosition()).toBeUndefined();
    const at = { height: 10, hash: bytes(1) };
    expect(await store.moveScan(undefined, at)).toBe(true);
    expect(await store.moveScan(undefined, { height: 11, hash: bytes(2) })).toBe(false);
    expect(await store.moveScan(at, { height: 12, hash: bytes(3) })).toBe(true);
    expect(await store.moveScan(at, { height: 12, hash: bytes(3) })).toBe(false);
    expect((await store.scanPosition())?.height).toBe(12);
  });
});
