import { addressOfScript } from "@lode/bitcoin";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { IdentityError } from "./identity.ts";
import {
  AccountsError,
  type AccountsMode,
  identifier,
  MAX_ACCOUNT_NAME,
  type NamedAccount,
} from "./identity-accounts.ts";

// BIP173 and the genesis block's key.
const SEGWIT = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4";
const BASE58 = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa";
const ALICE = { name: "alice", address: SEGWIT };
const BOB = { name: "Bobs-Farm", address: BASE58 };

const make = (mode: AccountsMode, accounts: readonly NamedAccount[] = [ALICE, BOB]) =>
  identifier({ network: "mainnet", mode, accounts });

const accountsError = (mode: AccountsMode, accounts: readonly NamedAccount[]) => {
  try {
    make(mode, accounts);
  } catch (error) {
    return error instanceof AccountsError ? error.type : error;
  }
  return undefined;
};

const refusal = (identify: (text: string) => unknown, text: string) => {
  try {
    identify(text);
  } catch (error) {
    return error instanceof IdentityError ? error.type : error;
  }
  return undefined;
};

describe("an identifier", () => {
  it("takes addresses alone unless told otherwise", () => {
    const identify = make("addresses", []);
    expect(identify(`${SEGWIT}.rig`)).toMatchObject({ address: SEGWIT, worker: "rig" });
    expect(refusal(identify, "alice")).toEqual({ code: "unknown-user" });
  });

  it("says the same of an address however often, and after thousands of others", () => {
    const identify = make("addresses", []);
    const others = (byte: number) =>
      addressOfScript(Uint8Array.of(0, 0x14, ...new Uint8Array(18), byte >> 8, byte), "mainnet")!;
    const first = identify(`${SEGWIT}.a`);
    for (let count = 0; count < 5_000; count++) identify(others(count));
    expect(identify(`${SEGWIT}.b`)).toEqual({ ...first, worker: "b" });
    expect(identify(`${others(4_999)}.x`).payoutScript).toEqual(identify(others(4_999)).payoutScript);
  });

  it("takes accounts alone, whatever the case, with a worker behind a dot or an underscore", () => {
    const identify = make("accounts");
    expect(identify("alice")).toMatchObject({ account: "alice", address: SEGWIT, worker: "" });
    expect(identify(" ALICE.rig.1 ")).toMatchObject({ account: "alice", address: SEGWIT, worker: "rig.1" });
    expect(identify("bobs-farm_7")).toMatchObject({ account: "bobs-farm", address: BASE58, worker: "7" });
    for (const text of ["carol", "", ".rig", SEGWIT, `${BASE58}.rig`, "alice rig", "alicе"]) {
      expect(refusal(identify, text)).toEqual({ code: "unknown-user" });
    }
  });

  it("takes both when it may, and an address is an address", () => {
    const identify = make("both");
    expect(identify("alice.x")).toMatchObject({ account: "alice", worker: "x" });
    expect(identify(`${BASE58}.x`)).toEqual({
      payoutScript: identify("bobs-farm").payoutScript,
      address: BASE58,
      worker: "x",
    });
    expect(refusal(identify, "carol")).toEqual({ code: "unknown-user" });
    expect(refusal(identify, `${SEGWIT.slice(0, -1)}5`)).toMatchObject({ code: "invalid-user-identity" });
  });

  it("is not fooled by names of an object's own properties", () => {
    for (const text of ["constructor", "__proto__", "toString", "hasownproperty"]) {
      expect(refusal(make("accounts"), text)).toEqual({ code: "unknown-user" });
    }
  });

  it("judges every text by itself: users who take turns are never mixed up", () => {
    const identify = make("both");
    const users = [
      ["alice.a", SEGWIT, "a"],
      [`${BASE58}.b`, BASE58, "b"],
      ["bobs-farm.c", BASE58, "c"],
      [SEGWIT, SEGWIT, ""],
    ] as const;
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...users), { maxLength: 20 }), (turns) => {
        const identities = turns.map(([text]) => identify(text));
        for (const [index, [, address, worker]] of turns.entries()) {
          expect(identities[index]).toMatchObject({ address, worker });
        }
      }),
    );
  });

  it("answers anything with an identity or a code", () => {
    const identify = make("both");
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: "binary", maxLength: 255 }), fc.string({ maxLength: 40 })),
        (text) => {
          expect(refusal(identify, text)).toMatchObject({
            code: expect.stringMatching(/^(unknown-user|invalid-user-identity)$/),
          });
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe("the accounts an operator writes down", () => {
  it("have names that no address and no separator can be mistaken for", () => {
    const names = ["", "a.b", "a_b", "a b", "-a", "a-", "ä", "аlice", "a\0b", "x".repeat(25), SEGWIT];
    for (const name of names) {
      expect(accountsError("both", [{ ...ALICE, name }])).toEqual({ code: "invalid-account-name", name });
    }
    expect(accountsError("both", [{ ...ALICE, name: "x".repeat(MAX_ACCOUNT_NAME) }])).toBeUndefined();
    expect(accountsError("both", [{ ...ALICE, name: "7" }])).toBeUndefined();
  });

  it("are named once each, whatever the case, and may share an address", () => {
    expect(accountsError("accounts", [ALICE, { ...BOB, name: "ALICE" }])).toEqual({
      code: "duplicate-account-name",
      name: "ALICE",
    });
    expect(accountsError("accounts", [ALICE, { ...BOB, address: SEGWIT }])).toBeUndefined();
  });

  it("can be paid on the pool's network", () => {
    const wrong = [
      ["tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx", "wrong-network"],
      [`${SEGWIT.slice(0, -1)}5`, "invalid-address"],
      ["", "invalid-address"],
    ] as const;
    for (const [address, reason] of wrong) {
      expect(accountsError("both", [ALICE, { name: "carol", address }])).toEqual({
        code: "invalid-account-address",
        name: "carol",
        reason,
      });
    }
  });

  it("are neither missing where they are asked for nor there where they are not", () => {
    expect(accountsError("accounts", [])).toEqual({ code: "no-accounts", mode: "accounts" });
    expect(accountsError("both", [])).toEqual({ code: "no-accounts", mode: "both" });
    expect(accountsError("addresses", [ALICE])).toEqual({ code: "accounts-not-enabled", accounts: 1 });
  });
});
