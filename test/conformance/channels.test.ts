import { bytesToTarget, maxTarget, targetToBytes } from "@lode/bitcoin";
import { defaultChannelSettings } from "@lode/mining";
import { MiningFlags, mining } from "@lode/protocol";
import { type ScriptedMiner, ScriptedPool, type ServerMessage } from "@lode/testing/pool";
import { Prng } from "@lode/testing/random";
import { describe, expect, it } from "vitest";

const GROUP = 1;
/** Where the length of the coinbase's scriptSig stands: behind version, input count and the null outpoint. */
const SCRIPT_LENGTH_AT = 4 + 1 + 36;
/** The sequence number and what follows it. */
const AFTER_SCRIPT = Uint8Array.of(0xfe, 0xff, 0xff, 0xff);

const opening = (fields: Partial<mining.OpenExtendedMiningChannel> = {}) => ({
  requestId: 1,
  userIdentity: "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
  nominalHashRate: 0,
  maxTarget: targetToBytes(maxTarget),
  minExtranonceSize: 8,
  ...fields,
});

const isOpened = ({ name }: ServerMessage) =>
  name === "OpenStandardMiningChannelSuccess" || name === "OpenExtendedMiningChannelSuccess";

describe("channels", () => {
  it("channel ids are never used twice on a connection and never are the group's", () => {
    const prng = new Prng(3);
    const pool = new ScriptedPool();
    const miner = pool.connect().setUp();
    const open: number[] = [];
    const seen = new Set<number>();
    for (let step = 0; step < 400; step++) {
      if (prng.chance(0.4) && open.length > 0) {
        const channelId = prng.chance(0.1) ? GROUP : open.splice(prng.below(open.length), 1)[0]!;
        if (channelId === GROUP) open.length = 0;
        miner.send(mining.CloseChannel, { channelId, reasonCode: "" }).takeNames();
        continue;
      }
      const refused = prng.chance(0.2) ? { minExtranonceSize: 17 } : {};
      const opened = prng.chance(0.5) ? miner.openStandard(opening()) : openOrNot(miner, refused);
      miner.takeNames();
      if (opened === null) continue;
      expect(opened.groupChannelId).toBe(GROUP);
      expect(opened.channelId).not.toBe(GROUP);
      expect(seen).not.toContain(opened.channelId);
      seen.add(opened.channelId);
      open.push(opened.channelId);
      expect(pool.server.stats().channels).toBe(open.length);
    }
    expect(seen.size).toBeGreaterThan(150);
  });

  it("channels of one group have the same full extranonce size, which is what the coinbase has room for", () => {
    for (const flags of [0, MiningFlags.requiresStandardJobs, MiningFlags.requiresVersionRolling]) {
      const pool = new ScriptedPool();
      const { server, client } = pool.wire();
      const miner = pool.script(client).setUp(flags);
      const sizes = [miner.openStandard().extranoncePrefix.length];
      if ((flags & MiningFlags.requiresStandardJobs) === 0) {
        for (const minExtranonceSize of [0, 1, 8, 16]) {
          miner.takeNames();
          const { extranoncePrefix, extranonceSize } = miner.openExtended({ minExtranonceSize });
          expect(extranonceSize).toBeGreaterThanOrEqual(minExtranonceSize);
          sizes.push(extranoncePrefix.length + extranonceSize);
        }
      }
      miner.takeNames();
      pool.server.moveExtranoncePrefix(server.id, 2);
      sizes.push(miner.take("SetExtranoncePrefix").extranoncePrefix.length);
      expect(new Set(sizes).size).toBe(1);

      miner.takeNames();
      pool.jobs.nextTip();
      for (const { name, fields } of miner.takeAll()) {
        if (name !== "NewExtendedMiningJob") continue;
        const { coinbaseTxPrefix, coinbaseTxSuffix } = fields;
        const scriptSize = coinbaseTxPrefix[SCRIPT_LENGTH_AT]!;
        const before = coinbaseTxPrefix.length - SCRIPT_LENGTH_AT - 1;
        expect(coinbaseTxSuffix.subarray(0, 4)).toEqual(AFTER_SCRIPT);
        expect(scriptSize - before).toBe(sizes[0]);
      }
    }
  });

  it("a request_id comes back as it was sent, also when it is used again", () => {
    const miner = new ScriptedPool().connect().setUp();
    for (const requestId of [0, 7, 7, 0xffff_ffff, 7]) {
      miner.send(mining.OpenStandardMiningChannel, opening({ requestId }));
      miner.send(mining.OpenExtendedMiningChannel, opening({ requestId }));
      miner.send(mining.OpenExtendedMiningChannel, opening({ requestId, minExtranonceSize: 99 }));
      const answers = miner
        .takeAll()
        .flatMap(({ name, fields }) => ("requestId" in fields ? [{ name, fields }] : []));
      expect(answers.map(({ name }) => name)).toEqual([
        "OpenStandardMiningChannelSuccess",
        "OpenExtendedMiningChannelSuccess",
        "OpenMiningChannelError",
      ]);
      for (const { fields } of answers) expect(fields.requestId).toBe(requestId);
    }
  });

  it("a proxy without miners opens a channel with a hash rate of 0", () => {
    const pool = new ScriptedPool({ settings: { channel: defaultChannelSettings } });
    const miner = pool.connect().setUp();
    const { target } = miner.openExtended({ nominalHashRate: 0 });
    expect(bytesToTarget(target)).toBe(defaultChannelSettings.easiestTarget);
    expect(miner.takeNames()).toEqual(["NewExtendedMiningJob", "SetNewPrevHash"]);
  });

  it("a maximum target is kept by every target the channel ever has, or the channel is refused", () => {
    for (const exponent of [0n, 1n, 30n, 100n, 200n, 224n, 235n, 255n]) {
      const pool = new ScriptedPool({ settings: { channel: defaultChannelSettings } });
      const miner = pool.connect().setUp();
      const limit = 1n << exponent;
      miner.send(mining.OpenStandardMiningChannel, opening({ maxTarget: targetToBytes(limit) }));
      const messages = miner.takeAll();
      if (messages[0]!.name === "OpenMiningChannelError") continue;
      expect(isOpened(messages[0]!)).toBe(true);
      // Silence makes vardiff wish for ever easier targets, a higher network target too.
      for (let minute = 0; minute < 30; minute++) {
        pool.clock.advance(60_000);
        if (minute % 10 === 5) pool.jobs.nextTip(maxTarget >> BigInt(minute));
        messages.push(...miner.takeAll());
      }
      for (const { name, fields } of messages) {
        if (name === "SetTarget") expect(bytesToTarget(fields.maximumTarget)).toBeLessThanOrEqual(limit);
        if (name === "OpenStandardMiningChannelSuccess") {
          expect(bytesToTarget(fields.target)).toBeLessThanOrEqual(limit);
        }
      }
      expect(messages.filter(({ name }) => name === "NewMiningJob").length).toBeGreaterThan(30);
    }
    const miner = new ScriptedPool().connect().setUp();
    const maxTargetOf0 = { maxTarget: new Uint8Array(32) };
    expect(miner.openRefused(mining.OpenStandardMiningChannel, maxTargetOf0)).toBe("max-target-out-of-range");
  });
});

function openOrNot(miner: ScriptedMiner, fields: Partial<mining.OpenExtendedMiningChannel>) {
  if (fields.minExtranonceSize === undefined) return miner.openExtended();
  expect(miner.openRefused(mining.OpenExtendedMiningChannel, fields)).toBe("min-extranonce-size-too-large");
  return null;
}
