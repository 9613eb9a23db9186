import {
  ALLOTTED_EXTENSIONS,
  encodeTlvs,
  encodeUserIdentity,
  extensionsNegotiation,
  mining,
  type Tlv,
} from "@lode/protocol";
import { type ScriptedMiner, ScriptedPool } from "@lode/testing/pool";
import { expect, it } from "vitest";

const WORKERS = 0x0002;
const offering = { settings: { extensions: { supported: [WORKERS], required: [] } } };

const ask = (miner: ScriptedMiner, requestedExtensions: number[]) =>
  miner.send(extensionsNegotiation.RequestExtensions, { requestId: 1, requestedExtensions });

/** A channel whose every hash is a share, and who a share with these bytes behind it was counted for. */
function workerOfShare(tlvs: Uint8Array, negotiate: number[]): string | undefined {
  const pool = new ScriptedPool(offering);
  const miner = pool.connect().setUp();
  if (negotiate.length > 0) ask(miner, negotiate);
  miner.takeNames();
  miner.openExtended({ nominalHashRate: 0 });
  const ntime = Math.floor(pool.clock.now() / 1000);
  const share = { channelId: 2, sequenceNumber: 1, jobId: 1, nonce: 1, ntime, version: 0x2000_0000 };
  miner.send(mining.SubmitSharesExtended, { ...share, extranonce: new Uint8Array(16) }, tlvs);
  pool.clock.settle();
  return pool.shares[0]?.worker;
}

it("only allocated extensions are offered, and each of them needs negotiation", () => {
  const pool = new ScriptedPool(offering);
  const miner = pool.connect().setUp();
  const everyExtension = Array.from({ length: 1_000 }, (_, index) => index);
  ask(miner, [...everyExtension, 0x4000, 0x7fff]);
  const { supportedExtensions } = miner.take("RequestExtensionsSuccess");
  expect(supportedExtensions).toEqual([WORKERS]);
  for (const extension of supportedExtensions) expect(ALLOTTED_EXTENSIONS).toContain(extension);
  const named = encodeUserIdentity("elsewhere");
  expect([workerOfShare(named, [WORKERS]), workerOfShare(named, [])]).toEqual(["elsewhere", "rig"]);
  expect(workerOfShare(named, [0x0003])).toBe("rig");
});

it("a request without anything the server supports gets an Error, an empty one too", () => {
  for (const requested of [[], [0x0003], [0x4001, 0x0003, 0x4001]]) {
    const miner = new ScriptedPool(offering).connect().setUp();
    ask(miner, requested);
    const { unsupportedExtensions, requiredExtensions } = miner.take("RequestExtensionsError");
    expect([unsupportedExtensions, requiredExtensions]).toEqual([[...new Set(requested)], []]);
    expect(miner.openExtended().channelId).toBe(2);
  }
});

it("the answer leaves before that to anything sent behind the request", () => {
  const pool = new ScriptedPool(offering);
  const miner = pool.connect().setup();
  ask(miner, [WORKERS]);
  miner.send(mining.OpenExtendedMiningChannel, {
    requestId: 1,
    userIdentity: "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
    nominalHashRate: 0,
    maxTarget: new Uint8Array(32).fill(0xff),
    minExtranonceSize: 8,
  });
  expect(miner.takeNames().slice(0, 3)).toEqual([
    "SetupConnectionSuccess",
    "RequestExtensionsSuccess",
    "OpenExtendedMiningChannelSuccess",
  ]);
});

it("a worker is found by its Type among fields of other extensions, in any order", () => {
  const worker: Tlv = { extensionType: WORKERS, fieldType: 1, value: new TextEncoder().encode("rack-9") };
  const others: Tlv[] = [
    { extensionType: 0x0001, fieldType: 1, value: new TextEncoder().encode("wrong") },
    { extensionType: WORKERS, fieldType: 2, value: new TextEncoder().encode("wrong") },
    { extensionType: 0x4002, fieldType: 1, value: new TextEncoder().encode("wrong") },
  ];
  for (let at = 0; at <= others.length; at++) {
    const ordered = [...others.slice(0, at), worker, ...others.slice(at)];
    // One by one, since encodeTlvs sorts.
    const bytes = Buffer.concat(ordered.map((tlv) => encodeTlvs([tlv])));
    expect(workerOfShare(bytes, [WORKERS])).toBe("rack-9");
    expect(workerOfShare(bytes, [])).toBe("rig");
  }
});
