import { expect, it } from "vitest";
import { sigopCostOfOutput } from "./sigops.ts";

const KEY = `21${"02".repeat(33)}`;

it.each([
  ["P2PKH", `76a914${"11".repeat(20)}88ac`, 4],
  ["P2PK", `${KEY}ac`, 4],
  ["P2SH", `a914${"ac".repeat(20)}87`, 0],
  ["P2WPKH", `0014${"ac".repeat(20)}`, 0],
  ["P2WSH", `0020${"ae".repeat(32)}`, 0],
  ["P2TR", `5120${"ac".repeat(32)}`, 0],
  ["bare 1-of-3 multisig", `51${KEY.repeat(3)}53ae`, 80],
  ["multisig that is verified, and a checked signature", `51${KEY}51af${KEY}ad`, 84],
  ["OP_RETURN with pushes of every length", "6a4c02acac4d0200acac4e02000000acacac", 4],
  ["a push past the end", "ac4c05acac", 4],
  ["a length past the end", "ac4dac", 4],
  ["nothing", "", 0],
])("an output of %s costs its sigops", (_name, script, cost) => {
  expect(sigopCostOfOutput(new Uint8Array(Buffer.from(script, "hex")))).toBe(cost);
});
