import { describe, expect, it } from "vitest";
import { someJob, someShare } from "../test/share-arbitraries.ts";
import { buildShareBatch, newRun } from "./share-batch.ts";
import { decodeShares } from "./share-decoding.ts";
import { encodeShares } from "./share-encoding.ts";
import { MAX_BATCH_SHARES } from "./share-layout.ts";
import type { ShareRecord } from "./share-record.ts";

const share: ShareRecord = {
  ...someShare,
  payoutScript: Uint8Array.of(0x51, 0x20),
  feeClass: 7,
  work: 0x1_0203_0405n,
  creditedWork: 0x1_0203_0405n,
};

function workerAfterStorage(worker: string): string | undefined {
  return decodeShares(encodeShares([{ ...share, worker }]))[0]?.worker;
}

describe("encodeShares", () => {
  it("writes the documented layout byte by byte", () => {
    const other: ShareRecord = {
      ...share,
      connectionId: 0xfffffffe,
      payoutScript: Uint8Array.of(0x6a),
      worker: "",
      job: { ...someJob, kind: "custom", value: 1n, templateFees: 0n },
      work: 1n << 120n,
      creditedWork: 0x200n,
      receivedAt: someShare.receivedAt! - 0x100,
      blockHash: new Uint8Array(32).fill(0xbb),
    };
    const bytes = Buffer.from(encodeShares([share, other]));
    expect(bytes.toString("hex")).toBe(
      [
        "4c534202 02000000", // magic, version, rows
        "02000000 0f000000 02000000 02000000 1b000000 01000000", // identities, jobs, works, blocks
        "004c65d49a010000 00010000", // began, span
        "07 0200 5120 04 72696731",
        "07 0100 6a 00",
        `00 ${"aa".repeat(32)} a0bb0d00 56340217 205fa01200000000 205fa01200000000 e803000000000000`,
        `02 ${"aa".repeat(32)} a0bb0d00 56340217 0100000000000000 205fa01200000000 0000000000000000`,
        "05 0504030201 ff",
        "10 00000000000000000000000000000001 02 0002",
        "01000000 02000000 03000000 00 00 00 0001 00",
        "feffffff 02000000 03000000 01 01 01 0000 01",
        "bb".repeat(32),
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

  it("uses the width that the largest index and time need", () => {
    const scripts = Array.from({ length: 257 }, (_, i) => Uint8Array.of(i & 0xff, i >> 8));
    const records = scripts.map((payoutScript, i) => ({
      ...share,
      payoutScript,
      receivedAt: share.receivedAt! + 70_000 * (i & 1),
    }));
    expect(decodeShares(encodeShares(records))).toEqual(records);
    expect(encodeShares(records).length - encodeShares(records.slice(0, 256)).length).toBe(10 + 21 + 256);
  });

  it("stores a share of a clock that stepped by years as 49 days behind the first", () => {
    const late = { ...share, receivedAt: share.receivedAt! + 2 ** 40 };
    const [, stored] = decodeShares(encodeShares([share, late]));
    expect(stored?.receivedAt).toBe(share.receivedAt! + 0xffff_ffff);
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
