import { describe, expect, it } from "vitest";
import { parseRewardScript } from "./reward-script.ts";

const ADDRESS = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"; // BIP173
const SCRIPT = "0014751e76e8199196d454941c45d1b3a323f1433bd6";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

describe("parseRewardScript", () => {
  it.each([ADDRESS, `addr(${ADDRESS})`, `raw(${SCRIPT})`, ADDRESS.toUpperCase()])("reads %s", (text) => {
    expect(hex(parseRewardScript(text, "mainnet"))).toBe(SCRIPT);
  });

  it.each([
    ["", "is not an address, addr(ADDRESS) or raw(HEX)"],
    ["addr()", "is not an address"],
    ["raw()", "is not an address"],
    ["raw(5)", "is not an address"],
    ["raw(zz)", "is not an address"],
    [`wpkh(${SCRIPT})`, "is not an address"],
    ["not an address", "its checksum is wrong"],
    [`${ADDRESS.slice(0, -1)}5`, "its checksum is wrong"],
    ["raw(6a)", "nobody could spend the reward: the script starts with OP_RETURN"],
    [
      `raw(6a24aa21a9ed${"00".repeat(32)})`,
      "nobody could spend the reward: the script is a witness commitment",
    ],
    ["raw(05aa)", "nobody could spend the reward: the script is broken"],
    [`raw(${"00".repeat(521)})`, "is longer than 520 bytes"],
    ["1111111111111111111114oLvT2", "nobody could spend the reward"],
    ["raw(51)", "anyone could take the reward: the script asks for no signature"],
    ["raw(51024e73)", "anyone could take the reward"],
    ["bc1pfeessrawgf", "could spend from"],
  ])("refuses %j and says why", (text, why) => {
    const parse = () => parseRewardScript(text, "mainnet");
    expect(parse).toThrow(why);
    expect(parse).toThrow(expect.objectContaining({ code: "invalid-reward-script" }));
  });

  it("takes a script that anyone can spend on regtest, where coins are worth nothing", () => {
    expect(hex(parseRewardScript("raw(51)", "regtest"))).toBe("51");
    expect(() => parseRewardScript("raw(51)", "signet")).toThrow("anyone could take the reward");
    expect(() => parseRewardScript("raw(6a)", "regtest")).toThrow("nobody could spend the reward");
  });

  it("names both networks when an address is of another one", () => {
    expect(() => parseRewardScript(ADDRESS, "regtest")).toThrow(
      /an address of mainnet; this pool mines on regtest/,
    );
  });
});
