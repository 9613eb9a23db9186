import fc from "fast-check";
import type { ShareRecord } from "../src/share-record.ts";

const u32 = fc.integer({ min: 0, max: 0xffff_ffff });

/** A few miners, as the shares of one batch have. */
const identity = fc.record({
  payoutScript: fc.uint8Array({ minLength: 1, maxLength: 40 }),
  worker: fc.oneof(
    fc.constantFrom("", "rig1", "gerät-2", "機"),
    fc.string({ maxLength: 32, unit: "grapheme-ascii" }),
  ),
});

/** Batches of one to fifty shares. */
export const shareRecords: fc.Arbitrary<ShareRecord[]> = fc
  .array(identity, { minLength: 1, maxLength: 4 })
  .chain((identities) =>
    fc.array(
      fc
        .record({
          who: fc.nat(identities.length - 1),
          connectionId: fc.integer({ min: 1, max: 0xffff_ffff }),
          channelId: u32,
          sequenceNumber: u32,
          feeClass: fc.nat(255),
          work: fc.bigInt({ min: 1n, max: (1n << 128n) - 1n }),
        })
        .map(({ who, ...rest }) => ({ ...rest, ...(identities[who] as (typeof identities)[number]) })),
      { minLength: 1, maxLength: 50 },
    ),
  );
