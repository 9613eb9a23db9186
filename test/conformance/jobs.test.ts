import { createHash } from "node:crypto";
import { concatBytes, encodeCompactSize } from "@lode/bitcoin";
import { defaultChannelSettings } from "@lode/mining";
import { ScriptedPool, type ServerFields } from "@lode/testing/pool";
import { describe, expect, it } from "vitest";

type ExtendedJob = ServerFields<"NewExtendedMiningJob">;

const sha256d = (bytes: Uint8Array) =>
  createHash("sha256").update(createHash("sha256").update(bytes).digest()).digest();

/** SV2 5.3.16: the coinbase behind a prefix, folded over the path. */
function merkleRoot({ coinbaseTxPrefix, coinbaseTxSuffix, merklePath }: ExtendedJob, extranonce: Uint8Array) {
  const coinbase = concatBytes(coinbaseTxPrefix, extranonce, coinbaseTxSuffix);
  return merklePath.reduce<Uint8Array>((root, leaf) => sha256d(concatBytes(root, leaf)), sha256d(coinbase));
}

/** A witness commitment's output, as a template brings it. */
const commitment = Uint8Array.of(
  ...new Uint8Array(8),
  38,
  0x6a,
  36,
  0xaa,
  0x21,
  0xa9,
  0xed,
  ...new Uint8Array(32).fill(0xcc),
);
const segwit = { coinbaseTxOutputs: commitment, coinbaseTxOutputsCount: 1 };

describe("jobs", () => {
  it("every job of a template has the template's own merkle path, whoever gets it", () => {
    const pool = new ScriptedPool();
    const miners = Array.from({ length: 4 }, () => pool.connect().setUp());
    for (const [index, miner] of miners.entries()) {
      for (let channels = 0; channels <= index; channels++) {
        miner.openExtended();
        miner.takeNames();
      }
    }
    for (const depth of [0, 1, 5, 12]) {
      const merklePath = Array.from({ length: depth }, (_, at) => new Uint8Array(32).fill(16 * depth + at));
      pool.jobs.next({ merklePath });
      pool.clock.advance(70_000); // and those refreshed from it
      const jobs = miners.flatMap((miner) =>
        miner.takeAll().flatMap(({ name, fields }) => (name === "NewExtendedMiningJob" ? [fields] : [])),
      );
      expect(jobs.length).toBeGreaterThanOrEqual(8);
      for (const job of jobs) expect(job.merklePath).toEqual(merklePath);
    }
  });

  it("a coinbase's parts join to a transaction without BIP141 fields, with every output of the template", () => {
    const pool = new ScriptedPool();
    const miner = pool.connect().setUp();
    miner.openExtended();
    miner.takeNames();
    pool.jobs.next(segwit);
    const { coinbaseTxPrefix, coinbaseTxSuffix } = miner.take("NewExtendedMiningJob");
    const tx = concatBytes(coinbaseTxPrefix, new Uint8Array(20), coinbaseTxSuffix);
    // Version, then the one input: a marker and a flag would be 00 01 here.
    expect([...tx.subarray(0, 6)]).toEqual([2, 0, 0, 0, 1, 0]);
    const scriptSize = tx[41]!;
    const outputs = tx.subarray(42 + scriptSize + 4);
    expect([...outputs.subarray(0, 1)]).toEqual([...encodeCompactSize(2)]);
    const firstOutput = 1 + 8 + 1 + outputs[9]!;
    expect(outputs.subarray(firstOutput, firstOutput + commitment.length)).toEqual(commitment);
    // The locktime is all that follows: no witness.
    expect(outputs.length).toBe(firstOutput + commitment.length + 4);
  });

  it("a standard channel's merkle root is that of its prefix between the parts of an extended job", () => {
    const pool = new ScriptedPool();
    const standard = pool.connect().setUp();
    const { extranoncePrefix } = standard.openStandard();
    const extended = pool.connect().setUp();
    extended.openExtended();
    standard.takeNames();
    extended.takeNames();
    for (const make of [() => pool.jobs.next(segwit), () => pool.jobs.nextTip()]) {
      make();
      const parts = extended.take("NewExtendedMiningJob");
      expect(standard.take("NewMiningJob").merkleRoot).toEqual(
        new Uint8Array(merkleRoot(parts, extranoncePrefix)),
      );
      extended.takeNames();
      standard.takeNames();
    }
  });

  // 2^56 headers: 32 bits of nonce and the 24 version bits of BIP323 (SV2 5.1.1).
  it.each([
    [1e12, 45_000],
    [1e15, 45_000],
    [1e16, 7_200],
    [5e16, 1_440],
  ])(
    "a standard channel of %d h/s has a new merkle root before its search space is used up",
    (rate, limitMs) => {
      // Shares are expected so seldom that their absence leaves the server's estimate where it is.
      const channel = { ...defaultChannelSettings, sharesPerMinute: 1e-6 };
      const pool = new ScriptedPool({ settings: { channel } });
      const miner = pool.connect().setUp();
      miner.openStandard({ nominalHashRate: rate });
      const roots = new Set<string>();
      let last = pool.clock.now();
      for (let tick = 1; tick <= 800; tick++) {
        pool.clock.advance(50);
        for (const { name, fields } of miner.takeAll()) {
          if (name !== "NewMiningJob") continue;
          expect(roots).not.toContain(`${fields.merkleRoot}`);
          roots.add(`${fields.merkleRoot}`);
          last = pool.clock.now();
        }
        expect(pool.clock.now() - last).toBeLessThanOrEqual(limitMs);
      }
    },
  );
});
