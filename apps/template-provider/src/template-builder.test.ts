import { equalBytes, heightFromBip34, merklePath, witnessCommitmentScript } from "@lode/bitcoin";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type BlockTemplate, parseBlockTemplate } from "./block-template.ts";
import { buildPrevHash, buildTemplate } from "./template-builder.ts";

/** getblocktemplate of a fresh regtest chain, as Bitcoin Core answers it (shortened to what we read). */
const FRESH_REGTEST = {
  capabilities: ["proposal"],
  version: 536870912,
  rules: ["csv", "!segwit", "taproot"],
  vbavailable: {},
  vbrequired: 0,
  previousblockhash: "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206",
  transactions: [],
  coinbaseaux: {},
  coinbasevalue: 5000000000,
  longpollid: "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e22060",
  target: "7fffff0000000000000000000000000000000000000000000000000000000000",
  mintime: 1296688603,
  mutable: ["time", "transactions", "prevblock"],
  noncerange: "00000000ffffffff",
  sigoplimit: 80000,
  sizelimit: 4000000,
  weightlimit: 4000000,
  curtime: 1700000000,
  bits: "207fffff",
  height: 1,
  default_witness_commitment: "6a24aa21a9ede2f61c3f71d1defd3fa999dfa36953755c690689799962b48bebd836974e8cf9",
};

const ROOM = { maxAdditionalSize: 100, maxAdditionalSigops: 4 };

function withTransactions(transactions: BlockTemplate["transactions"]): BlockTemplate {
  const fees = transactions.reduce((sum, { fee }) => sum + fee, 0n);
  return { ...parseBlockTemplate(FRESH_REGTEST), coinbaseValue: 5_000_000_000n + fees, transactions };
}

const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
const transactionArbitrary = fc.record({
  data: fc.uint8Array({ minLength: 10, maxLength: 20 }),
  txid: hash,
  wtxid: hash,
  fee: fc.bigInt({ min: 0n, max: 100_000n }),
  weight: fc.integer({ min: 240, max: 400_000 }),
  sigops: fc.integer({ min: 0, max: 4_000 }),
});

describe("buildTemplate", () => {
  it("makes an empty template into the messages that sv2-tp would send", () => {
    const source = parseBlockTemplate(FRESH_REGTEST);
    const { message, transactions } = buildTemplate(source, 5n, ROOM);
    expect(transactions).toEqual([]);
    expect(message).toMatchObject({
      templateId: 5n,
      futureTemplate: false,
      version: 0x20000000,
      coinbaseTxVersion: 2,
      coinbaseTxInputSequence: 0xfffffffe,
      coinbaseTxValueRemaining: 5_000_000_000n,
      coinbaseTxOutputsCount: 1,
      coinbaseTxLocktime: 0,
      merklePath: [],
    });
    expect(heightFromBip34(message.coinbasePrefix)).toBe(1);
    expect(Buffer.from(message.coinbaseTxOutputs).toString("hex")).toBe(
      `000000000000000026${FRESH_REGTEST.default_witness_commitment}`,
    );
  });

  it("names the tip in internal byte order, with the target of its bits", () => {
    const prevHash = buildPrevHash(parseBlockTemplate(FRESH_REGTEST), 5n);
    expect(Buffer.from(prevHash.prevHash).reverse().toString("hex")).toBe(FRESH_REGTEST.previousblockhash);
    expect(Buffer.from(prevHash.target).reverse().toString("hex")).toBe(FRESH_REGTEST.target);
    expect(prevHash).toMatchObject({ templateId: 5n, headerTimestamp: 1700000000, nbits: 0x207fffff });
  });

  it("never starts before the smallest time consensus allows", () => {
    const source = { ...parseBlockTemplate(FRESH_REGTEST), mintime: 1800000000 };
    expect(buildPrevHash(source, 1n).headerTimestamp).toBe(1800000000);
  });

  it("keeps everything that fits and drops only from the end, with its fees, whatever the client needs", () => {
    fc.assert(
      fc.property(
        fc.array(transactionArbitrary, { maxLength: 40 }),
        fc.integer({ min: 0, max: 900_000 }),
        fc.integer({ min: 0, max: 20_000 }),
        (offered, maxAdditionalSize, maxAdditionalSigops) => {
          const source = withTransactions(offered);
          const { message, transactions } = buildTemplate(source, 1n, {
            maxAdditionalSize,
            maxAdditionalSigops,
          });
          const kept = offered.slice(0, transactions.length);
          const next = offered[transactions.length];
          const weight = 1_168 + 4 * maxAdditionalSize + kept.reduce((sum, t) => sum + t.weight, 0);
          const sigops = maxAdditionalSigops + kept.reduce((sum, t) => sum + t.sigops, 0);
          expect(transactions).toEqual(kept.map(({ data }) => data));
          if (kept.length > 0) {
            expect(weight).toBeLessThanOrEqual(4_000_000);
            expect(sigops).toBeLessThanOrEqual(80_000);
          }
          if (next !== undefined) {
            expect(weight + next.weight > 4_000_000 || sigops + next.sigops > 80_000).toBe(true);
          }
          expect(message.coinbaseTxValueRemaining).toBe(
            5_000_000_000n + kept.reduce((sum, t) => sum + t.fee, 0n),
          );
          expect(message.merklePath).toEqual(merklePath(kept.map(({ txid }) => txid)));
          if (next !== undefined) {
            const commitment = witnessCommitmentScript(kept.map(({ wtxid }) => wtxid));
            expect(equalBytes(message.coinbaseTxOutputs.subarray(9), commitment)).toBe(true);
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe("parseBlockTemplate", () => {
  it("refuses a consensus rule it does not know", () => {
    expect(() => parseBlockTemplate({ ...FRESH_REGTEST, rules: ["!wonder"] })).toThrow(
      expect.objectContaining({ type: { code: "unknown-rule", rule: "!wonder" } }),
    );
  });

  it.each(
    Object.keys(FRESH_REGTEST).filter((key) =>
      /^(version|height|previousblockhash|coinbasevalue|bits|curtime|mintime|longpollid|transactions)$/.test(
        key,
      ),
    ),
  )("names the field when %s is missing or of the wrong kind", (field) => {
    for (const value of [undefined, null, {}, "", -1e300]) {
      expect(() => parseBlockTemplate({ ...FRESH_REGTEST, [field]: value })).toThrow(
        expect.objectContaining({ type: { code: "malformed-template", field } }),
      );
    }
  });

  it("never fails but with its own error, whatever a node answers", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.anything(),
          fc.record({ ...Object.fromEntries(Object.keys(FRESH_REGTEST).map((key) => [key, fc.anything()])) }),
        ),
        (answer) => {
          try {
            parseBlockTemplate(answer);
          } catch (error) {
            expect(error).toMatchObject({ name: "BlockTemplateError" });
          }
        },
      ),
    );
  });
});
