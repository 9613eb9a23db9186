import { describe, expect, it } from "vitest";
import { buildShareBatch, newRun } from "./share-batch.ts";
import { decodeShares } from "./share-decoding.ts";
import { encodeShares } from "./share-encoding.ts";
import { MAX_BATCH_SHARES } from "./share-layout.ts";
import type { ShareRecord } from "./share-record.ts";

const share: ShareRecord = {
  connectionId: 1,
  channelId: 2,
  sequenceNumber: 3,
  payoutScript: Uint8Array.of(0x51, 0x20),
  worker: "rig1",
  feeClass: 7,
  work: 0x1_0203_0405n,
};

function workerAfterStorage(worker: string): string | undefined {
  return decodeShares(encodeShares([{ ...share, worker }]))[0]?.worker;
}

describe("encodeShares", () => {
  it("writes the documented layout byte by byte", () => {
    const other = { ...share, connectionId: 0xfffffffe, payoutScript: Uint8Array.of(0x6a), worker: "" };
    const bytes = Buffer.from(encodeShares([share, { ...other, work: 1n << 127n }]));
    expect(bytes.toString("hex")).toBe(
      [
        "4c534201 02000000 02000000 0d000000", // header
        "0200 5120 04 72696731", // first identity
        "0100 6a 00", // second
        "01000000 02000000 03000000 00000000 05040302 01000000 00000000 00000000 07",
        "feffffff 02000000 03000000 01000000 00000000 00000000 00000000 00000080 07",
      ]
        .join("")
        .replaceAll(" ", ""),
    );
  });

  it("knows an identity again by its content, not by its array", () => {
    const copy = { ...share, payoutScript: share.payoutScript.slice() };
    expect(encodeShares([share, copy])).toEqual(encodeShares([share, share]));
  });

  it("keeps identities apart whose script and worker run into the same characters", () => {
    const records = [
      { ...share, payoutScript: Uint8Array.of(0x51, 0x41), worker: "B" },
      { ...share, payoutScript: Uint8Array.of(0x51), worker: "AB" },
    ];
    expect(decodeShares(encodeShares(records))).toEqual(records);
  });

  it.each([
    ["a NUL", "rig\0one", "rig\ufffdone"],
    ["a lone surrogate", "rig\ud800", "rig\ufffd"],
    ["255 bytes", "x".repeat(255), "x".repeat(255)],
    ["256 bytes", "x".repeat(256), "x".repeat(255)],
    ["a cut inside a character of three bytes", `${"x".repeat(253)}機`, "x".repeat(253)],
    ["a cut right behind a character", `${"x".repeat(252)}機機`, `${"x".repeat(252)}機`],
    ["a cut inside a character of four bytes", `${"x".repeat(252)}𝄞`, "x".repeat(252)],
  ])("stores a worker with %s so that it cannot stop the batch", (_what, worker, stored) => {
    expect(workerAfterStorage(worker)).toBe(stored);
  });

  it("refuses a script that its length field cannot hold, and more shares than a batch may have", () => {
    const long = { ...share, payoutScript: new Uint8Array(0x10000) };
    expect(() => encodeShares([share, long])).toThrow(
      expect.objectContaining({ type: { code: "out-of-range", field: "payoutScript", row: 1 } }),
    );
    const tooMany = new Array<ShareRecord>(MAX_BATCH_SHARES + 1).fill(share);
    expect(() => encodeShares(tooMany)).toThrow(expect.objectContaining({ code: "too-many-shares" }));
  });
});

describe("buildShareBatch", () => {
  it("fixes hour, totals and hash when it is called", () => {
    const batch = buildShareBatch({ run: "r", seq: 5 }, [share, share], 3_600_000 * 3 - 1);
    expect(batch).toMatchObject({ run: "r", seq: 5, partHour: 2, n: 2, work: share.work * 2n });
    expect(Buffer.from(batch.sha256).toString("hex")).toMatch(/^[0-9a-f]{64}$/);
    expect(batch.payload).toEqual(encodeShares([share, share]));
  });

  it("refuses a batch without shares", () => {
    expect(() => buildShareBatch({ run: "r", seq: 0 }, [], 0)).toThrow(
      expect.objectContaining({ code: "no-shares" }),
    );
  });
});

describe("newRun", () => {
  it("makes a version 4 UUID of the randomness it is given", () => {
    expect(newRun((size) => new Uint8Array(size))).toBe("00000000-0000-4000-8000-000000000000");
    expect(newRun((size) => new Uint8Array(size).fill(0xff))).toBe("ffffffff-ffff-4fff-bfff-ffffffffffff");
  });
});
