import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cleanWorker, IdentityError, MAX_WORKER_LENGTH, parseIdentity } from "./identity.ts";

// BIP173 and the genesis block's key: addresses everybody has.
const SEGWIT = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4";
const BASE58 = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa";

const refusal = (text: string) => {
  try {
    parseIdentity(text, "mainnet");
  } catch (error) {
    return error instanceof IdentityError ? error.type : error;
  }
  return undefined;
};

describe("a user identity", () => {
  it("is an address alone, or with a worker behind a dot or an underscore", () => {
    const script = Uint8Array.from(Buffer.from("0014751e76e8199196d454941c45d1b3a323f1433bd6", "hex"));
    expect(parseIdentity(SEGWIT, "mainnet")).toEqual({ payoutScript: script, address: SEGWIT, worker: "" });
    expect(parseIdentity(`${SEGWIT}.rig-1`, "mainnet").worker).toBe("rig-1");
    expect(parseIdentity(`${BASE58}_rig`, "mainnet")).toMatchObject({ address: BASE58, worker: "rig" });
    expect(parseIdentity(`${BASE58}.`, "mainnet").worker).toBe("");
  });

  it("keeps everything behind the first separator, as proxies append their own", () => {
    expect(parseIdentity(`${SEGWIT}.farm.a_b.miner12`, "mainnet").worker).toBe("farm.a_b.miner12");
  });

  it("is one account however it is spelled", () => {
    const plain = parseIdentity(SEGWIT, "mainnet");
    expect(parseIdentity(`  ${SEGWIT.toUpperCase()}.x\n`, "mainnet")).toEqual({ ...plain, worker: "x" });
  });

  it("is an unknown user when it was never meant as an address", () => {
    for (const text of ["", ".rig", "alice", "alice.rig", "x".repeat(91), `${SEGWIT}/rig`, "🦙".repeat(20)]) {
      expect(refusal(text)).toEqual({ code: "unknown-user" });
    }
  });

  it("is invalid when the address cannot be paid here", () => {
    expect(refusal(`${SEGWIT.slice(0, -1)}5.rig`)).toEqual({
      code: "invalid-user-identity",
      reason: "invalid-address",
    });
    expect(refusal("tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx")).toEqual({
      code: "invalid-user-identity",
      reason: "wrong-network",
    });
  });

  it("is parsed or refused with a code, whatever the bytes", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: "binary", maxLength: 255 }), fc.string({ maxLength: 90 })),
        (text) => {
          expect(refusal(text)).toMatchObject({
            code: expect.stringMatching(/^(unknown-user|invalid-user-identity)$/),
          });
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe("a worker name", () => {
  it("loses what labels and terminals would choke on", () => {
    expect(cleanWorker(' a"b\u001b[31m{c}\n')).toBe("a_b__31m_c_");
    expect(cleanWorker("S19-Pro_2.b")).toBe("S19-Pro_2.b");
  });

  it("is short and of one alphabet whatever comes", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 255 }), (text) => {
        const worker = cleanWorker(text);
        expect(worker).toMatch(/^[A-Za-z0-9._-]*$/);
        expect(worker.length).toBeLessThanOrEqual(MAX_WORKER_LENGTH);
        expect(cleanWorker(worker)).toBe(worker);
      }),
    );
  });
});
