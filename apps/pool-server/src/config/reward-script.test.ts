import { describe, expect, it } from "vitest";
import { parseRewardScript } from "./reward-script.ts";

const ADDRESS = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"; // BIP173
const SCRIPT = "0014751e76e8199196d454941c45d1b3a323f1433bd6";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

describe("parseRewardScript", () => {
  it.each([ADDRESS, `addr(${ADDRESS})`, `raw(${SCRIPT})`, ADDRESS.toUpperCase()])("reads %s", (text) => {
    expect(hex(parseRewardScript(text, "mainnet"))).toBe(SCRIPT);
  });

  it.each(["", "addr()", "raw()", "raw(5)", "raw(zz)", `wpkh(${SCRIPT})`, "not an address"])(
    "refuses %j",
    (text) => {
      expect(() => parseRewardScript(text, "mainnet")).toThrow();
    },
  );

  it("refuses an address of another network", () => {
    expect(() => parseRewardScript(ADDRESS, "regtest")).toThrow(
      expect.objectContaining({ code: "wrong-network" }),
    );
  });
});
