import { extensionsNegotiation, HEADER_SIZE, MiningFlags, mining } from "@lode/protocol";
import { type ReceivedFrame, ScriptedMiner, ScriptedPool } from "@lode/testing/pool";
import { expect, it } from "vitest";

/** SV2 chapter 8 and extension 0x0001, section 3: extension, message type and channel_msg bit of what a server sends. */
const chapter8: Readonly<Record<string, readonly [extension: number, type: number, channelMsg: 0 | 1]>> = {
  SetupConnectionSuccess: [0, 0x01, 0],
  SetupConnectionError: [0, 0x02, 0],
  Reconnect: [0, 0x04, 0],
  OpenStandardMiningChannelSuccess: [0, 0x11, 0],
  OpenMiningChannelError: [0, 0x12, 0],
  OpenExtendedMiningChannelSuccess: [0, 0x14, 0],
  NewMiningJob: [0, 0x15, 1],
  UpdateChannelError: [0, 0x17, 1],
  CloseChannel: [0, 0x18, 1],
  SetExtranoncePrefix: [0, 0x19, 1],
  SubmitSharesSuccess: [0, 0x1c, 1],
  SubmitSharesError: [0, 0x1d, 1],
  NewExtendedMiningJob: [0, 0x1f, 1],
  SetNewPrevHash: [0, 0x20, 1],
  SetTarget: [0, 0x21, 1],
  SetCustomMiningJobError: [0, 0x24, 1],
  RequestExtensionsSuccess: [1, 0x01, 0],
  RequestExtensionsError: [1, 0x02, 0],
};

const everyTarget = new Uint8Array(32).fill(0xff);

/** Everything a mining server can say, said once at least. */
async function everyServerFrame(): Promise<ReceivedFrame[]> {
  const pool = new ScriptedPool({
    settings: { extensions: { supported: [2], required: [] }, reconnectVendors: ["proxy"] },
  });
  const heard: ReceivedFrame[] = [];
  const listen = (miner: ScriptedMiner) => {
    pool.clock.settle();
    heard.push(...miner.inbox.splice(0));
  };
  const refused = pool.connect().setup({ flags: 0x8000_0000 });
  listen(refused);

  const { server, client } = pool.wire();
  const miner = new ScriptedMiner(client, () => pool.clock.settle()).setup({ vendor: "proxy" });
  const ask = (requestedExtensions: number[]) =>
    miner.send(extensionsNegotiation.RequestExtensions, { requestId: 3, requestedExtensions });
  ask([0x1234]);
  ask([2]);
  listen(miner);
  const opening = {
    requestId: 9,
    userIdentity: "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
    nominalHashRate: 0,
    maxTarget: everyTarget,
  };
  miner.send(mining.OpenExtendedMiningChannel, { ...opening, minExtranonceSize: 8 });
  miner.send(mining.OpenStandardMiningChannel, opening);
  miner.send(mining.OpenExtendedMiningChannel, { ...opening, minExtranonceSize: 17 });
  miner.submitExtended(1).submitExtended(2, { jobId: 77 });
  pool.clock.advance(2_000);
  pool.acknowledge();
  const maximumTarget = new Uint8Array(32).fill(0xff, 0, 20);
  miner.send(mining.UpdateChannel, { channelId: 2, nominalHashRate: 0, maximumTarget });
  miner.send(mining.UpdateChannel, { channelId: 99, nominalHashRate: 0, maximumTarget });
  miner.send(mining.SetCustomMiningJob, customJob);
  pool.server.moveExtranoncePrefix(server.id, 3);
  pool.jobs.nextTip();
  pool.clock.settle();
  pool.jobs.next();
  pool.clock.settle();
  const drained = pool.server.drain({ windowMs: 0 });
  pool.clock.advance(10_000);
  await drained;
  listen(miner);
  return heard;
}

const customJob: mining.SetCustomMiningJob = {
  channelId: 2,
  requestId: 8,
  miningJobToken: new Uint8Array(4),
  version: 0x2000_0000,
  prevHash: new Uint8Array(32),
  minNtime: 1,
  nbits: 0x1d00_ffff,
  coinbaseTxVersion: 2,
  coinbasePrefix: new Uint8Array(4),
  coinbaseTxInputNSequence: 0,
  coinbaseTxOutputs: Uint8Array.of(0),
  coinbaseTxLocktime: 0,
  merklePath: [],
};

it("every frame has its message's extension type, channel_msg bit, length and channel id", async () => {
  const heard = await everyServerFrame();
  expect(new Set(heard.map(({ message }) => message.name))).toEqual(new Set(Object.keys(chapter8)));
  for (const { message, frame } of heard) {
    const [extension, type, channelMsg] = chapter8[message.name]!;
    const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
    const header = [view.getUint16(0, true), view.getUint8(2), view.getUint16(3, true) | (frame[5]! << 16)];
    expect([message.name, ...header]).toEqual([
      message.name,
      extension | (channelMsg << 15),
      type,
      frame.length - HEADER_SIZE,
    ]);
    if (channelMsg === 1) {
      expect([1, 2, 3, 99]).toContain(view.getUint32(HEADER_SIZE, true));
      expect("channelId" in message.fields && message.fields.channelId).toBe(
        view.getUint32(HEADER_SIZE, true),
      );
    }
  }
});

it("a message is understood whichever way channel_msg is set", () => {
  for (const flipped of [false, true]) {
    const pool = new ScriptedPool();
    const miner = pool.connect().setUp(MiningFlags.requiresVersionRolling);
    miner.connection.send = ((original) => (frame: Uint8Array) => {
      const changed = frame.slice();
      if (flipped) changed[1]! ^= 0x80;
      original(changed);
    })(miner.connection.send.bind(miner.connection));
    miner.openExtended({ nominalHashRate: 0 });
    miner.takeNames();
    miner.submitExtended(1);
    pool.acknowledge();
    expect(miner.take("SubmitSharesSuccess").lastSequenceNumber).toBe(1);
    miner.send(mining.CloseChannel, { channelId: 2, reasonCode: "" });
    pool.clock.settle();
    expect(pool.server.stats().channels).toBe(0);
  }
});
