import { address as bitcoinjsAddress, networks as bitcoinjsNetworks } from "bitcoinjs-lib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AddressError, addressOfScript, parseAddress } from "./address.ts";
import type { NetworkName } from "./networks.ts";
import vectors from "./vectors/addresses.json" with { type: "json" };

const errorOf = (text: string, network: NetworkName) => {
  try {
    parseAddress(text, network);
    return undefined;
  } catch (error) {
    return (error as AddressError).type;
  }
};

describe("addresses", () => {
  it.each(vectors.valid.filter((vector) => vector.spendable))("$network $address", (vector) => {
    const parsed = parseAddress(vector.address, vector.network as NetworkName);
    expect(Buffer.from(parsed.script).toString("hex")).toBe(vector.script);
    expect(parseAddress(parsed.address, vector.network as NetworkName)).toEqual(parsed);
    expect(addressOfScript(parsed.script, vector.network as NetworkName)).toBe(parsed.address);
  });

  it.each(vectors.valid.filter((vector) => !vector.spendable))(
    "$network $address is refused: no key can spend from its program",
    (vector) => {
      expect(errorOf(vector.address, vector.network as NetworkName)).toEqual({
        code: "invalid-address",
        reason: "witness-program",
      });
      expect(
        addressOfScript(Buffer.from(vector.script, "hex"), vector.network as NetworkName),
      ).toBeUndefined();
    },
  );

  it.each(vectors.invalid)("$address is refused ($why)", ({ address, why }) => {
    for (const network of ["mainnet", "testnet"] as const) {
      const error = errorOf(address, network);
      if (why.includes("human-readable")) expect(error).toMatchObject({ code: "wrong-network", actual: [] });
      else expect(["invalid-address", "wrong-network"]).toContain(error?.code);
    }
    expect([errorOf(address, "mainnet")?.code, errorOf(address, "testnet")?.code]).toContain(
      why.includes("human-readable") ? "wrong-network" : "invalid-address",
    );
  });

  it("has one spelling: segwit in lower case, base58 as it is", () => {
    expect(parseAddress("BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", "mainnet").address).toBe(
      "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
    );
    const genesis = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa";
    expect(parseAddress(genesis, "mainnet").address).toBe(genesis);
  });

  it("of another network says whose it is", () => {
    expect(errorOf("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "regtest")).toEqual({
      code: "wrong-network",
      expected: "regtest",
      actual: ["mainnet"],
    });
    expect(errorOf("mzK2FFDEhxqHcmrJw1ysqFkVyhUULo45hZ", "mainnet")).toEqual({
      code: "wrong-network",
      expected: "mainnet",
      actual: ["testnet", "testnet4", "signet", "regtest"],
    });
  });

  it("with a taproot key that is no curve point is refused", () => {
    const offCurve = bitcoinjsAddress.toBech32(new Uint8Array(32).fill(0xff), 1, "bc");
    expect(errorOf(offCurve, "mainnet")).toEqual({ code: "invalid-address", reason: "witness-program" });
  });

  it("with any changed character is never accepted as another script", () => {
    const good = parseAddress("bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", "regtest");
    fc.assert(
      fc.property(
        fc.nat(good.address.length - 1),
        fc.string({ minLength: 1, maxLength: 1 }),
        (at, character) => {
          const changed = good.address.slice(0, at) + character + good.address.slice(at + 1);
          fc.pre(changed.toLowerCase() !== good.address);
          expect(errorOf(changed, "regtest")).toBeDefined();
        },
      ),
    );
  });

  it("has the script that bitcoinjs-lib gives it", () => {
    const network = bitcoinjsNetworks.bitcoin;
    const hash = fc.uint8Array({ minLength: 20, maxLength: 20 });
    const texts = fc.oneof(
      hash.map((data) => bitcoinjsAddress.toBase58Check(data, network.pubKeyHash)),
      hash.map((data) => bitcoinjsAddress.toBase58Check(data, network.scriptHash)),
      hash.map((data) => bitcoinjsAddress.toBech32(data, 0, "bc")),
      fc.uint8Array({ minLength: 32, maxLength: 32 }).map((data) => bitcoinjsAddress.toBech32(data, 0, "bc")),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const { script } = parseAddress(text, "mainnet");
        expect([...script]).toEqual([...bitcoinjsAddress.toOutputScript(text, network)]);
      }),
    );
  });

  it("is refused without work when it is absurdly long", () => {
    expect(errorOf("1".repeat(1_000_000), "mainnet")).toEqual({
      code: "invalid-address",
      reason: "checksum",
    });
  });
});
