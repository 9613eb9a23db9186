import { systemRandom } from "@lode/ports";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { shareRecords } from "../test/share-arbitraries.ts";
import { buildShareBatch, newRun, openShareBatch } from "./share-batch.ts";
import { ShareCodecError } from "./share-codec-error.ts";
import { decodeShares } from "./share-decoding.ts";
import { encodeShares } from "./share-encoding.ts";

describe("the share batch codec", () => {
  it("gives back what was put in", () => {
    fc.assert(
      fc.property(shareRecords, (records) => {
        expect(decodeShares(encodeShares(records))).toEqual(records);
      }),
    );
  });

  it("stores each identity once, so that a share of a known miner takes 33 bytes", () => {
    const record = {
      connectionId: 1,
      channelId: 2,
      sequenceNumber: 3,
      payoutScript: new Uint8Array(22),
      worker: "rig1",
      feeClass: 0,
      work: 1_000_000n,
    };
    const one = encodeShares([record]).length;
    expect(encodeShares([record, record]).length - one).toBe(33);
  });

  it("refuses every truncation with its own error", () => {
    fc.assert(
      fc.property(shareRecords, (records) => {
        const payload = encodeShares(records);
        for (let length = 0; length < payload.length; length++) {
          expect(() => decodeShares(payload.subarray(0, length))).toThrow(ShareCodecError);
        }
      }),
      { numRuns: 30 },
    );
  });

  it("never fails but with its own error, whatever the bytes", () => {
    fc.assert(
      fc.property(shareRecords, fc.nat(), fc.integer({ min: 1, max: 255 }), (records, where, change) => {
        const payload = encodeShares(records);
        const at = where % payload.length;
        payload[at] = (payload[at] ?? 0) ^ change;
        try {
          decodeShares(payload);
        } catch (error) {
          expect(error).toBeInstanceOf(ShareCodecError);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("does not open a batch whose hash, count or work is another's", () => {
    fc.assert(
      fc.property(shareRecords, (records) => {
        const batch = buildShareBatch({ run: newRun(systemRandom), seq: 0 }, records, 0);
        expect(openShareBatch(batch)).toEqual(records);
        const mismatch = (field: string) => expect.objectContaining({ type: { code: "mismatch", field } });
        expect(() => openShareBatch({ ...batch, n: batch.n + 1 })).toThrow(mismatch("n"));
        expect(() => openShareBatch({ ...batch, work: batch.work + 1n })).toThrow(mismatch("work"));
        expect(() => openShareBatch({ ...batch, sha256: new Uint8Array(32) })).toThrow(mismatch("sha256"));
      }),
      { numRuns: 20 },
    );
  });

  it.each([
    ["connectionId", 2 ** 32],
    ["channelId", -1],
    ["sequenceNumber", 2 ** 32],
    ["feeClass", 256],
    ["work", 0n],
    ["work", 1n << 128n],
  ])("refuses a record whose %s is %s", (field, value) => {
    const record = {
      connectionId: 1,
      channelId: 1,
      sequenceNumber: 1,
      payoutScript: Uint8Array.of(0x51),
      worker: "",
      feeClass: 0,
      work: 1n,
    };
    expect(() => encodeShares([{ ...record, [field]: value }])).toThrow(
      expect.objectContaining({ type: { code: "out-of-range", field, row: 0 } }),
    );
  });
});
