import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { scriptSpender } from "./script-spender.ts";
import vectors from "./vectors/addresses.json" with { type: "json" };
import { witnessCommitmentScript } from "./witness-commitment.ts";

const spenderOf = (hex: string) => scriptSpender(new Uint8Array(Buffer.from(hex, "hex")));
/** Satoshi's key of the genesis coinbase. */
const KEY =
  "04678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5f";
const G = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
const NO_POINT = `02${"ff".repeat(32)}`;

describe("who can spend a script", () => {
  it.each(vectors.valid.filter((vector) => vector.spendable))("is somebody for $address", ({ script }) => {
    expect(spenderOf(script).who).toBe("key-holder");
  });

  it.each([
    ["P2PK, uncompressed (genesis block)", `41${KEY}ac`],
    ["P2PK, compressed", `21${G}ac`],
    ["1-of-2 multisig", `5121${G}21${NO_POINT}52ae`],
    ["a key behind a lock time (BIP65)", `03a0bb0db17576a914${"11".repeat(20)}88ac`],
    ["one of two branches", `6321${G}67516821${G}ac`],
    ["a branch that fails, and one with a key", `63 6a 67 21${G} ac 68`.replaceAll(" ", "")],
  ])("is a key's holder: %s", (_what, script) => {
    expect(spenderOf(script)).toEqual({ who: "key-holder" });
  });

  it.each([
    ["OP_RETURN", "6a", "OP_RETURN"],
    ["data", "6a0548656c6c6f", "OP_RETURN"],
    ["a witness commitment", Buffer.from(witnessCommitmentScript([])).toString("hex"), "witness commitment"],
    ["the commitment's header alone", "6a24aa21a9ed", "witness commitment"],
    ["a push past the end", "05aa", "push runs past"],
    ["a length past the end", "4d05", "push runs past"],
    ["OP_RETURN behind a key", `21${G}ac6a`, "always fails"],
    ["OP_CAT", `7e21${G}ac`, "always fails"],
    ["OP_VERIF in a branch that is not run", `006365680021${G}ac`, "always fails"],
    ["an opcode nobody knows", `ba21${G}ac`, "always fails"],
    ["OP_IF without an end", `6321${G}ac`, "OP_IF"],
    ["OP_ENDIF alone", `6821${G}ac`, "OP_ENDIF"],
    ["a key off the curve", `21${NO_POINT}ac`, "no points"],
    ["2-of-2 with a key off the curve", `5221${G}21${NO_POINT}52ae`, "no points"],
    ["version 0 with 16 bytes (BIP141)", `0010${"11".repeat(16)}`, "version 0"],
    ["taproot off the curve", `5120${"ff".repeat(32)}`, "no point"],
    ["1111111111111111111114oLvT2", `76a914${"00".repeat(20)}88ac`, "no known key"],
    ["P2WSH of zeros", `0020${"00".repeat(32)}`, "no known key"],
    ["202 opcodes", `${"61".repeat(201)}21${G}ac`, "201 opcodes"],
    ["a push of 521 bytes", `4d0902${"00".repeat(521)}7521${G}ac`, "520 bytes"],
    ["10,001 bytes", `${"51".repeat(10_001)}`, "longer"],
  ])("is nobody: %s", (_what, script, why) => {
    expect(spenderOf(script)).toEqual({ who: "nobody", why: expect.stringContaining(why) });
  });

  it.each([
    ["nothing", ""],
    ["OP_TRUE", "51"],
    ["a push", "0101"],
    ["a hash lock", `a820${"11".repeat(32)}87`],
    ["a lock time alone", "03a0bb0db1"],
    ["0-of-1 multisig", `0021${G}51ae`],
    ["P2A (bc1pfeessrawgf)", "51024e73"],
    ["version 16 (BIP350)", "6002751e"],
    ["version 1 with 40 bytes (BIP350)", `5128${"11".repeat(40)}`],
    ["P2SH of OP_TRUE", "a914da1745e9b549bd0bfa1a569971c77eba30cd5a4b87"],
    ["P2WSH of OP_TRUE", "00204ae81572f06e1b88fd5ced7a1a000945432e83e1551e6f721ee9c00b8cc33260"],
  ])("is anyone: %s", (_what, script) => {
    expect(spenderOf(script)).toEqual({ who: "anyone", why: expect.any(String) });
  });

  it("is found for any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (script) => {
        expect(["key-holder", "anyone", "nobody"]).toContain(scriptSpender(script).who);
      }),
    );
  });
});
