import fc from "fast-check";
import { encodeShares } from "../src/share-encoding.ts";
import { jobKinds, MAX_MONEY } from "../src/share-layout.ts";
import type { ShareJob, ShareRecord } from "../src/share-record.ts";
import { encodeShares1, type ShareRecord1 } from "./share-encoding-1.ts";

/** A job and a share of it, for tests that look at something else. */
export const someJob: ShareJob = {
  kind: "pool",
  prevHash: new Uint8Array(32).fill(0xaa),
  height: 900_000,
  nbits: 0x1702_3456,
  value: 312_500_000n,
  referenceValue: 312_500_000n,
  templateFees: 1_000n,
};
export const someShare: ShareRecord = {
  connectionId: 1,
  channelId: 2,
  sequenceNumber: 3,
  payoutScript: Uint8Array.of(0x51),
  worker: "rig1",
  feeClass: 0,
  job: someJob,
  work: 1_000n,
  creditedWork: 1_000n,
  receivedAt: 1_764_500_000_000,
  blockHash: null,
};

const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const money = fc.bigInt({ min: 0n, max: MAX_MONEY });
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });

/** A few miners, as the shares of one batch have. */
const identity = fc.record({
  payoutScript: fc.uint8Array({ minLength: 1, maxLength: 40 }),
  worker: fc.oneof(
    fc.constantFrom("", "rig1", "gerät-2", "機"),
    fc.string({ maxLength: 32, unit: "grapheme-ascii" }),
  ),
  feeClass: fc.nat(255),
});

const job: fc.Arbitrary<ShareJob> = fc.record({
  kind: fc.constantFrom(...jobKinds),
  prevHash: hash,
  height: u32,
  nbits: u32,
  value: money,
  referenceValue: money,
  templateFees: money,
});

/** Full credit, none, and part of it. */
const works = fc
  .tuple(fc.bigInt({ min: 1n, max: (1n << 128n) - 1n }), fc.integer({ min: 0, max: 128 }))
  .chain(([work, shift]) => {
    const smaller = (work >> BigInt(shift)) | 1n;
    return fc
      .constantFrom(smaller, 0n, smaller - 1n, smaller / 2n)
      .map((creditedWork) => ({ work: smaller, creditedWork }));
  });

const one = <T>(choices: readonly T[]) => fc.constantFrom(...choices);

/** Batches of one to fifty shares of a few miners, jobs and works, seconds or weeks apart. */
export const shareRecords: fc.Arbitrary<ShareRecord[]> = fc
  .record({
    identities: fc.array(identity, { minLength: 1, maxLength: 4 }),
    jobs: fc.array(job, { minLength: 1, maxLength: 3 }),
    works: fc.array(works, { minLength: 1, maxLength: 5 }),
    began: fc.integer({ min: 0, max: 4_000_000_000_000 }),
    span: fc.constantFrom(0, 200, 60_000, 0xffff_ffff),
  })
  .chain(({ identities, jobs, works, began, span }) =>
    fc.array(
      fc
        .record({
          who: one(identities),
          job: one(jobs),
          work: one(works),
          connectionId: fc.integer({ min: 1, max: 0xffff_ffff }),
          channelId: u32,
          sequenceNumber: u32,
          receivedAt: fc.nat(span).map((elapsed) => began + elapsed),
          blockHash: fc.option(hash, { freq: 4 }),
        })
        .map(({ who, work, ...rest }) => ({ ...who, ...work, ...rest })),
      { minLength: 1, maxLength: 50 },
    ),
  );

/** Shares as layout 1 gives them back, and its payload. */
export const payloads1 = fc
  .array(
    fc
      .record({
        who: identity,
        connectionId: u32,
        channelId: u32,
        sequenceNumber: u32,
        work: fc.bigInt({ min: 1n, max: (1n << 128n) - 1n }),
      })
      .map(({ who, ...rest }): ShareRecord1 => ({ ...who, ...rest })),
    { minLength: 1, maxLength: 20 },
  )
  .map((records) => ({
    payload: encodeShares1(records),
    records: records.map((record) => ({
      ...record,
      job: null,
      creditedWork: record.work,
      receivedAt: null,
      blockHash: null,
    })),
  }));

/** Valid payloads of both layouts with one byte changed. */
export const damagedPayloads = fc
  .tuple(
    fc.oneof(
      shareRecords.map(encodeShares),
      payloads1.map(({ payload }) => payload),
    ),
    fc.nat(),
    fc.integer({ min: 1, max: 255 }),
  )
  .map(([payload, where, change]) => {
    const at = where % payload.length;
    payload[at] = payload[at]! ^ change;
    return payload;
  });
