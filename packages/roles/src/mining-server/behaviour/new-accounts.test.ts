import { addressOfScript } from "@lode/bitcoin";
import { mining } from "@lode/protocol";
import { type ScriptedMiner, ScriptedPool } from "@lode/testing/pool";
import { describe, expect, it } from "vitest";

const script = (index: number) => Uint8Array.of(0x00, 0x14, ...new Uint8Array(18), index >>> 8, index & 0xff);
const user = (index: number) => `${addressOfScript(script(index), "regtest")}.rig`;

/** Opens a channel for an account that nobody has heard of. @returns the refusal's code, null when it is open */
function ask(miner: ScriptedMiner, index: number): string | null {
  const fields = { requestId: 1, nominalHashRate: 0, maxTarget: new Uint8Array(32).fill(0xff) };
  miner.send(mining.OpenExtendedMiningChannel, {
    ...fields,
    userIdentity: user(index),
    minExtranonceSize: 8,
  });
  const [answer] = miner.takeAll();
  return answer?.name === "OpenMiningChannelError" ? answer.fields.errorCode : null;
}

const limits = { newAccountsPerSubnetPerHour: 3, newAccountsPerHour: 5 };

describe("new accounts", () => {
  it("are refused once a subnet has brought its number in an hour; known ones open channels all the same", () => {
    const pool = new ScriptedPool({ settings: limits, deps: { subnetOf: () => "farm" } });
    pool.server.knowAccounts([script(99)]);
    const miner = pool.connect().setUp();
    expect([1, 2, 3, 4].map((index) => ask(miner, index))).toEqual([null, null, null, "too-many-accounts"]);
    expect([1, 3, 99].map((index) => ask(miner, index))).toEqual([null, null, null]);
    pool.clock.advance(3_600_000);
    const later = pool.connect().setUp();
    expect([4, 5, 6, 7].map((index) => ask(later, index))).toEqual([null, null, null, "too-many-accounts"]);
  });

  it("are bounded for the pool, whatever the subnet", () => {
    let subnet: string | null = "a";
    const pool = new ScriptedPool({ settings: limits, deps: { subnetOf: () => subnet } });
    const asked = ["a", "b", null].map((name, at) => {
      subnet = name;
      const miner = pool.connect().setUp();
      return [0, 1].map((index) => ask(miner, 2 * at + index));
    });
    expect(asked).toEqual([
      [null, null],
      [null, null],
      [null, "too-many-accounts"],
    ]);
  });

  it("of one connection that asks for 10,000 are bounded, and it is not closed for asking", () => {
    const pool = new ScriptedPool({ settings: { newAccountsPerSubnetPerHour: 600 } });
    const miner = pool.connect().setUp();
    const answers = new Map<string | null, number>();
    for (let index = 0; index < 10_000; index++) {
      if (index % 250 === 249) pool.clock.advance(1_000);
      const answer = ask(miner, index);
      answers.set(answer, (answers.get(answer) ?? 0) + 1);
    }
    expect(pool.server.stats().channels).toBe(600);
    expect(miner.closed).toBeNull();
    expect(ask(pool.connect().setUp(), 5)).toBeNull();
  });
});
