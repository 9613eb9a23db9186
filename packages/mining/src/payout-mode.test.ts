import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Identity, IdentityError, parseIdentity } from "./identity.ts";
import { type PayoutModeOptions, payoutModes } from "./payout-mode.ts";

const ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"; // BIP173's key
const donee = { payoutScript: Uint8Array.of(0x51), address: "the pool" };
const modes = (options: Partial<PayoutModeOptions> = {}) =>
  payoutModes((text) => parseIdentity(text, "regtest"), {
    solo: false,
    sriIdentities: true,
    donee,
    soloFeeBasisPoints: 0,
    ...options,
  });

const brief = ({ address, worker, solo, donationPercent }: Identity) => [
  address,
  worker,
  solo === true ? "solo" : "pool",
  donationPercent ?? 0,
];

function refusal(text: string, options?: Partial<PayoutModeOptions>) {
  try {
    modes(options)(text);
  } catch (error) {
    if (error instanceof IdentityError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return undefined;
}

describe("how a user is paid", () => {
  it.each([
    [`${ADDRESS}.rig`, ADDRESS, "rig", "pool", 0],
    [`sri/solo/${ADDRESS}/rig`, ADDRESS, "rig", "solo", 0],
    [`sri/solo/${ADDRESS}`, ADDRESS, "", "solo", 0],
    [`sri/solo/${ADDRESS}/rack/7`, ADDRESS, "rack_7", "solo", 0],
    // The reference translator puts the number of a miner behind whatever name it was given.
    [`sri/solo/${ADDRESS}.miner1`, ADDRESS, "miner1", "solo", 0],
    [`sri/donate/5/${ADDRESS}/rig`, ADDRESS, "rig", "pool", 5],
    [`sri/donate/+05/${ADDRESS}`, ADDRESS, "", "pool", 5],
    ["sri/donate", "the pool", "", "pool", 100],
    ["sri/donate/rig", "the pool", "rig", "pool", 100],
    ["sri/donate/5", "the pool", "5", "pool", 100],
    [`sri/donate/${ADDRESS}`, "the pool", ADDRESS, "pool", 100],
  ])("is in the identity %s", (text, ...expected) => {
    expect(brief(modes()(text))).toEqual(expected);
    const [address, worker, mode, percent] = brief(modes({ solo: true })(text));
    expect([address, worker, mode, percent]).toEqual([expected[0], expected[1], "solo", expected[3]]);
  });

  it.each([
    "sri/",
    "sri//",
    "sri/pool/x",
    "sri/solo",
    "sri/solo/",
    "sri/solo/alice/rig",
    `sri/Solo/${ADDRESS}`,
    `sri/donate/0/${ADDRESS}`,
    `sri/donate/100/${ADDRESS}`,
    `sri/donate/-1/${ADDRESS}`,
    `sri/donate/2.5/${ADDRESS}/rig`,
    `sri/donate/${ADDRESS}/rig`,
    "sri/donate/5/",
    "sri/donate/5/alice/rig",
  ])("is refused in words for the malformed %s", (text) => {
    expect(refusal(text)).toMatch(
      /^invalid-user-identity: .*sri\/|^invalid-user-identity: a donation is 1 to 99/,
    );
  });

  it.each([
    ["of another network", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "an address of mainnet"],
    ["of an unknown witness version", "bcrt1sw50qt2uwha", "could spend from"],
    ["that anyone can spend from (P2A)", "bcrt1pfeesnyr2tx", "could spend from"],
    ["with a typing error", `${ADDRESS.slice(0, -1)}q`, "checksum"],
  ])("is refused for an address %s, with its mode or without", (_, address, reason) => {
    for (const text of [address, `sri/solo/${address}/rig`, `sri/donate/5/${address}/rig`]) {
      expect(refusal(text)).toContain("invalid-user-identity");
      expect(refusal(text)).toContain(reason);
    }
  });

  it("is no mode in capitals, or where the pool reads none", () => {
    expect(refusal(`SRI/solo/${ADDRESS}/rig`)).toContain("unknown-user");
    expect(refusal(`sri/solo/${ADDRESS}/rig`, { sriIdentities: false })).toContain("unknown-user");
  });

  it("cannot give less than the pool's fee on solo blocks", () => {
    const fee = { soloFeeBasisPoints: 250 };
    expect(refusal(`sri/donate/2/${ADDRESS}`, { ...fee, solo: true })).toContain("less than this pool's fee");
    expect(brief(modes({ ...fee, solo: true })(`sri/donate/3/${ADDRESS}`))[3]).toBe(3);
    expect(brief(modes(fee)(`sri/donate/2/${ADDRESS}`))[3]).toBe(2);
  });

  it("is an identity or a code for every text, with a short worker", () => {
    const parts = fc.constantFrom("sri", "solo", "donate", "5", ADDRESS, "", "/", ".", "x".repeat(200), "💰");
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(parts).map((all) => all.join("/")),
        ),
        (text) => {
          try {
            expect(modes()(text).worker).toMatch(/^[A-Za-z0-9._-]{0,64}$/);
          } catch (error) {
            if (!(error instanceof IdentityError)) throw error;
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
