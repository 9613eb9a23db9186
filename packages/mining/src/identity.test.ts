import { readFileSync } from "node:fs";
import { type NetworkName, networkNames } from "@lode/bitcoin";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cleanWorker, IdentityError, MAX_WORKER_LENGTH, parseIdentity } from "./identity.ts";

// BIP173, BIP350 and Bitcoin Core's key_io_valid.json, as packages/bitcoin keeps them.
const vectors = JSON.parse(
  readFileSync(new URL("../../bitcoin/src/vectors/addresses.json", import.meta.url), "utf8"),
) as {
  valid: { address: string; network: string; script: string; spendable: boolean }[];
  invalid: { address: string; why: string }[];
};

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

  it("of another network is refused in words that help", () => {
    const message = (text: string, network: NetworkName) => {
      try {
        return parseIdentity(text, network).address;
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(message("tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx.rig", "mainnet")).toBe(
      "an address of testnet, testnet4, signet; this pool mines on mainnet",
    );
    expect(message(SEGWIT, "regtest")).toBe("an address of mainnet; this pool mines on regtest");
    expect(message("tc1qw508d6qejxtdg4y5r3zarvary0c5xw7kg3g4ty", "mainnet")).toBe(
      "an address of a network unknown here; this pool mines on mainnet",
    );
    expect(message(`${BASE58.slice(0, -1)}b`, "mainnet")).toBe("not an address: its checksum is wrong");
  });

  it("is refused when letters only look like an address's, or something hides in it", () => {
    const disguised = [
      SEGWIT.replace("c", "с"),
      BASE58.replace("A", "Α"),
      [...SEGWIT].map((letter) => String.fromCodePoint((letter.codePointAt(0) ?? 0) + 0xfee0)).join(""),
      `${SEGWIT}\0`,
      `${SEGWIT}\0.rig`,
      `\0${SEGWIT}`,
      `${SEGWIT.slice(0, 20)}\u200b${SEGWIT.slice(20)}`,
      `\u202e${SEGWIT}`,
      `${SEGWIT}\u0301`,
    ];
    for (const text of disguised) expect(refusal(text)).toEqual({ code: "unknown-user" });
  });

  it("may mix cases nowhere: bech32 has one case, base58 means both", () => {
    expect(refusal(`B${SEGWIT.slice(1)}`)).toMatchObject({ reason: "invalid-address" });
    expect(refusal(BASE58.toUpperCase())).toMatchObject({ reason: "invalid-address" });
    expect(refusal(BASE58.toLowerCase())).toMatchObject({ reason: "invalid-address" });
  });

  it("with any name behind it stays the same account, and the name is clean", () => {
    const { payoutScript } = parseIdentity(SEGWIT, "mainnet");
    fc.assert(
      fc.property(
        fc.constantFrom(".", "_"),
        fc.oneof(
          fc.string({ unit: "binary", maxLength: 213 }),
          fc.string({ unit: "grapheme", maxLength: 213 }),
        ),
        (separator, name) => {
          const identity = parseIdentity(`${SEGWIT}${separator}${name}`, "mainnet");
          expect(identity.payoutScript).toEqual(payoutScript);
          expect(identity.address).toBe(SEGWIT);
          expect(identity.worker).toMatch(/^[A-Za-z0-9._-]{0,64}$/);
        },
      ),
    );
  });

  it("with one changed letter is never somebody else's", () => {
    fc.assert(
      fc.property(fc.nat(SEGWIT.length - 1), fc.integer({ min: 0, max: 255 }), (at, code) => {
        const letter = String.fromCharCode(code);
        const text = SEGWIT.slice(0, at) + letter + SEGWIT.slice(at + 1);
        fc.pre(letter !== SEGWIT[at]);
        expect(refusal(text)).toBeDefined();
      }),
    );
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

describe("the address of a user identity", () => {
  it.each(vectors.valid.filter(({ spendable }) => spendable))(
    "$network $address is paid to its script",
    ({ address, network, script }) => {
      const named = parseIdentity(`${address}.rig`, network as NetworkName);
      expect(Buffer.from(named.payoutScript).toString("hex")).toBe(script);
      expect(named.worker).toBe("rig");
      expect(parseIdentity(named.address, network as NetworkName)).toEqual({ ...named, worker: "" });
      if (named.address !== address) expect(named.address).toBe(address.toLowerCase());
    },
  );

  it.each(vectors.valid.filter(({ spendable }) => !spendable))(
    "$network $address is refused: its witness program means nothing today",
    ({ address, network }) => {
      expect(() => parseIdentity(address, network as NetworkName)).toThrow(IdentityError);
    },
  );

  it.each(vectors.invalid)("$address is refused on every network ($why)", ({ address }) => {
    for (const network of networkNames) expect(() => parseIdentity(address, network)).toThrow(IdentityError);
  });

  it.each(vectors.valid)("$network $address is refused where it is not at home", ({ address, network }) => {
    const home = network === "mainnet" ? ["mainnet"] : networkNames.filter((name) => name !== "mainnet");
    for (const other of networkNames.filter((name) => !home.includes(name))) {
      expect(() => parseIdentity(address, other)).toThrow(IdentityError);
    }
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
