import { CodedError, systemRandom } from "@lode/ports";
import { describe, expect, it } from "vitest";
import { generateKeypair } from "../keys/keypair.ts";
import { verifyCertificate } from "./certificate.ts";
import { ServerIdentity } from "./server-identity.ts";

const DAY = 86_400;
const START = 1_800_000_000;
const authority = generateKeypair(systemRandom);

function identityAt(start: number, validitySeconds = DAY) {
  const wall = { seconds: start };
  const identity = ServerIdentity.create({
    authoritySecret: authority.secretKey,
    random: systemRandom,
    clock: { now: () => wall.seconds * 1_000 },
    validitySeconds,
  });
  const acceptedAt = (now: number): void =>
    verifyCertificate(identity.certificate(), identity.staticKey.publicKey, authority.publicKey, now);
  return { wall, identity, acceptedAt };
}

describe("a server identity", () => {
  it("is accepted by a miner whose clock is an hour late", () => {
    const { acceptedAt } = identityAt(START);
    acceptedAt(START - 3_600);
    expect(() => acceptedAt(START - 3_611)).toThrow("not-yet-valid");
  });

  it("signs once per period, however many handshakes come", () => {
    const { wall, identity } = identityAt(START);
    const first = identity.certificate();
    wall.seconds += DAY / 2 - 1;
    expect(identity.certificate()).toBe(first);
  });

  it("renews at half its validity, for the same static key", () => {
    const { wall, identity, acceptedAt } = identityAt(START);
    const { publicKey } = identity.staticKey;
    const first = identity.certificate();
    wall.seconds += DAY / 2;
    expect(identity.certificate()).not.toBe(first);
    expect(identity.staticKey.publicKey).toBe(publicKey);
    acceptedAt(wall.seconds + DAY);
  });

  it("is never handed out close to its end", () => {
    const { wall, acceptedAt } = identityAt(START, 60);
    for (let second = 0; second < 300; second++) {
      wall.seconds = START + second;
      acceptedAt(wall.seconds + 30);
    }
  });

  it("renews when the wall clock steps back", () => {
    const { wall, acceptedAt } = identityAt(START);
    wall.seconds -= 10 * DAY;
    acceptedAt(wall.seconds);
  });

  it("survives the ends of the 32-bit clock", () => {
    identityAt(0).acceptedAt(0);
    identityAt(0xffff_ffff).acceptedAt(0xffff_ffff);
  });

  it.each([0, 59, 1.5, Number.NaN])("refuses a validity of %d s", (validitySeconds) => {
    expect(() => identityAt(START, validitySeconds)).toThrow(CodedError);
  });
});
