import { systemRandom } from "@lode/ports";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { damagedPayloads, payloads1, shareRecords, someJob, someShare } from "../test/share-arbitraries.ts";
import { encodeShares1 } from "../test/share-encoding-1.ts";
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

  it("reads what earlier releases wrote", () => {
    fc.assert(
      fc.property(payloads1, ({ payload, records }) => {
        expect(decodeShares(payload)).toEqual(records);
      }),
    );
  });

  it("takes 17 bytes for one more share of a known miner, job and difficulty; layout 1 took 33", () => {
    const one = encodeShares([someShare]).length;
    expect(encodeShares([someShare, { ...someShare, receivedAt: 1_764_500_000_255 }]).length - one).toBe(17);
    expect(encodeShares1([someShare, someShare]).length - encodeShares1([someShare]).length).toBe(33);
  });

  it("keeps one object of a job for all its shares", () => {
    const [first, second] = decodeShares(encodeShares([someShare, { ...someShare, job: { ...someJob } }]));
    expect(second?.job).toBe(first?.job);
  });

  it("refuses every truncation with its own error", () => {
    fc.assert(
      fc.property(shareRecords, (records) => {
        const payload = encodeShares(records);
        for (let length = 0; length < payload.length; length++) {
          expect(() => decodeShares(payload.subarray(0, length))).toThrow(ShareCodecError);
        }
      }),
      { numRuns: 20 },
    );
  });

  it("never fails but with its own error, whatever the bytes, and accepts no other bytes for the same shares", () => {
    fc.assert(
      fc.property(damagedPayloads, (payload) => {
        let decoded: ReturnType<typeof decodeShares>;
        try {
          decoded = decodeShares(payload);
        } catch (error) {
          expect(error).toBeInstanceOf(ShareCodecError);
          return;
        }
        const again = payload[3] === 1 ? encodeShares1(decoded) : encodeShares(decoded);
        expect(Buffer.compare(again, payload)).toBe(0);
      }),
      { numRuns: 1_000 },
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
    ["feeClass", 0.5],
    ["work", 0n],
    ["work", 1n << 128n],
    ["creditedWork", -1n],
    ["creditedWork", 1_001n],
    ["job", null],
    ["receivedAt", null],
    ["receivedAt", -1],
    ["receivedAt", 0.5],
    ["blockHash", new Uint8Array(31)],
  ])("refuses a record whose %s is %s", (field, value) => {
    expect(() => encodeShares([{ ...someShare, creditedWork: 1_000n, [field]: value }])).toThrow(
      expect.objectContaining({
        type: expect.objectContaining({ code: "out-of-range", field, row: 0 }),
      }),
    );
  });

  it.each([
    ["kind", "none"],
    ["prevHash", new Uint8Array(33)],
    ["height", -1],
    ["nbits", 2 ** 32],
    ["value", -1n],
    ["referenceValue", 1n << 63n],
    ["templateFees", -5n],
  ])("refuses a job whose %s is %s", (field, value) => {
    const job = { ...someJob, [field]: value };
    expect(() => encodeShares([someShare, { ...someShare, job }])).toThrow(
      expect.objectContaining({ type: { code: "out-of-range", field: `job.${field}`, row: 1 } }),
    );
  });
});
