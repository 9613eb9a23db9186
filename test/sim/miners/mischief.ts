import {
  common,
  encodeFrame,
  encodePayload,
  extensionsNegotiation,
  HEADER_SIZE,
  type MessageDefinition,
  mining,
  Protocol,
  writeFrameHeader,
} from "@lode/protocol";
import type { ClientShare } from "@lode/roles";
import type { Prng } from "@lode/testing/random";
import { accounts, type Miner, type Workplace } from "./miner.ts";

const ANY_TARGET = new Uint8Array(32).fill(0xff);
const NO_TARGET = new Uint8Array(32);
const NO_BYTES = new Uint8Array(0);

/** What miners do that they should not; each by its name in the trace. */
export const mischiefs = {
  "too-easy": (miner, prng) =>
    atWork(miner, prng, (workplace) => miner.find(workplace, newest(workplace), "too-easy")),
  duplicate: (miner, prng) => atWork(miner, prng, ({ lastShare }) => lastShare),
  "old-job": (miner, prng) =>
    atWork(miner, prng, (workplace) => miner.find(workplace, prng.pick(workplace.jobs), "share")),
  "old-job-block": (miner, prng) =>
    atWork(miner, prng, (workplace) => miner.find(workplace, workplace.jobs[0]!, "block")),
  "version-bits": (miner, prng) =>
    altered(miner, prng, (share) => ({
      ...share,
      version: (share.version ^ prng.pick([1, 0x10, 2 ** 31])) >>> 0,
    })),
  ntime: (miner, prng) =>
    altered(miner, prng, (share) => ({
      ...share,
      ntime: (share.ntime + prng.pick([-3_600, 8_000, 2 ** 31])) >>> 0,
    })),
  "unknown-job": (miner, prng) => altered(miner, prng, (share) => ({ ...share, jobId: prng.u32() })),
  "extranonce-size": (miner, prng) =>
    altered(miner, prng, (share) => ({ ...share, extranonce: prng.bytes(prng.pick([0, 1, 15, 17, 32])) })),
  "same-number": (miner, prng) =>
    atWork(miner, prng, (workplace) => {
      const share = miner.find(workplace, newest(workplace), "share");
      if (share) sendShare(miner, workplace, share, 0);
      return null;
    }),
  "other-kind": (miner, prng) =>
    atWork(miner, prng, ({ channel }) => {
      const fields = {
        channelId: channel.id,
        sequenceNumber: 1,
        jobId: channel.job?.jobId ?? 0,
        nonce: 0,
        ntime: 0,
        version: 0,
      };
      if (channel.kind === "standard")
        send(miner, mining.SubmitSharesExtended, { ...fields, extranonce: NO_BYTES });
      else send(miner, mining.SubmitSharesStandard, fields);
      return null;
    }),
  "unknown-channel": (miner, prng) => {
    const channelId = prng.pick([0, 1, 9_999, prng.u32()]);
    send(miner, mining.SubmitSharesStandard, {
      channelId,
      sequenceNumber: 7,
      jobId: 1,
      nonce: 0,
      ntime: 0,
      version: 0,
    });
  },
  "closed-channel": (miner, prng) => {
    const workplace = somewhere(miner, prng);
    if (workplace === undefined) return;
    const share = workplace.lastShare;
    miner.closeChannel(workplace);
    if (share) sendShare(miner, workplace, share, 3);
    send(miner, mining.UpdateChannel, {
      channelId: workplace.channel.id,
      nominalHashRate: 1,
      maximumTarget: ANY_TARGET,
    });
  },
  "close-group": (miner) => {
    for (const workplace of miner.workplaces.values()) miner.closeChannel(workplace);
    send(miner, mining.CloseChannel, { channelId: 1, reasonCode: "all" });
  },
  flood: (miner, prng) => {
    const workplace = somewhere(miner, prng);
    for (let count = prng.between(20, 80); count > 0 && workplace?.lastShare; count--) {
      if (prng.chance(0.7)) sendShare(miner, workplace, workplace.lastShare, count);
      else {
        const share = miner.find(workplace, newest(workplace), "share");
        if (share) miner.handIn(workplace, share);
      }
    }
  },
  "wild-update": (miner, prng) => {
    const channelId = somewhere(miner, prng)?.channel.id ?? 2;
    const nominalHashRate = prng.pick([Number.NaN, Number.POSITIVE_INFINITY, -1, 0, 10, 1e6, 3e38]);
    const maximumTarget = prng.pick([ANY_TARGET, NO_TARGET, new Uint8Array(32).fill(0x7f), lowTarget(prng)]);
    send(miner, mining.UpdateChannel, { channelId, nominalHashRate, maximumTarget });
  },
  "wild-opening": (miner, prng) => {
    const fields = {
      requestId: prng.pick([0, 1, 77, prng.u32()]),
      userIdentity: prng.pick([
        ...accounts,
        "",
        "nobody",
        "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",
        "x".repeat(255),
      ]),
      nominalHashRate: prng.pick([Number.NaN, Number.NEGATIVE_INFINITY, -0, 0, 10]),
      maxTarget: prng.pick([ANY_TARGET, ANY_TARGET, NO_TARGET, lowTarget(prng)]),
    };
    if (prng.chance(0.5)) send(miner, mining.OpenStandardMiningChannel, fields);
    else {
      const minExtranonceSize = prng.pick([0, 16, 17, 65_535]);
      send(miner, mining.OpenExtendedMiningChannel, { ...fields, minExtranonceSize });
    }
  },
  "custom-job": (miner, prng) =>
    send(miner, mining.SetCustomMiningJob, {
      channelId: somewhere(miner, prng)?.channel.id ?? 2,
      requestId: prng.u32(),
      miningJobToken: prng.bytes(8),
      version: 0x2000_0000,
      prevHash: prng.bytes(32),
      minNtime: 0,
      nbits: 0x207f_ffff,
      coinbaseTxVersion: 2,
      coinbasePrefix: NO_BYTES,
      coinbaseTxInputNSequence: 0,
      coinbaseTxOutputs: NO_BYTES,
      coinbaseTxLocktime: 0,
      merklePath: [],
    }),
  "second-setup": (miner) => sendSetup(miner, {}),
  extensions: (miner, prng) =>
    send(miner, extensionsNegotiation.RequestExtensions, {
      requestId: 1,
      requestedExtensions: [1, 2, prng.below(65_536)],
    }),
  "pool-message": (miner, prng) =>
    send(miner, mining.SetTarget, { channelId: prng.below(4), maximumTarget: ANY_TARGET }),
  "unknown-message": (miner, prng) =>
    sendRaw(miner, prng.pick([0, 3, 0x4000]), prng.between(0x90, 0xff), prng.bytes(prng.below(200))),
  garbage: (miner, prng) => sendRaw(miner, 0, prng.below(256), prng.bytes(prng.below(100))),
  truncated: (miner, prng) => {
    const definition = prng.pick([
      mining.SubmitSharesStandard,
      mining.SubmitSharesExtended,
      mining.UpdateChannel,
    ]);
    sendRaw(miner, definition.extensionType, definition.msgType, prng.bytes(prng.below(8)));
  },
  oversize: (miner, prng) => {
    const definition = prng.pick([mining.SubmitSharesStandard, common.SetupConnection, mining.CloseChannel]);
    sendRaw(miner, definition.extensionType, definition.msgType, new Uint8Array(definition.maxLength + 1));
  },
  "trailing-bytes": (miner, prng) =>
    atWork(miner, prng, (workplace) => {
      const share = miner.find(workplace, newest(workplace), "share");
      if (share && workplace.channel.kind === "standard") {
        const { id: channelId } = workplace.channel;
        const sequenceNumber = workplace.channel.takeSequenceNumber();
        const { jobId, nonce, ntime, version } = share;
        const payload = encodePayload(mining.SubmitSharesStandard, {
          channelId,
          sequenceNumber,
          jobId,
          nonce,
          ntime,
          version,
        });
        const { msgType } = mining.SubmitSharesStandard;
        sendRaw(miner, 0, msgType, Uint8Array.of(...payload, ...prng.bytes(prng.below(20))));
      }
      return null;
    }),
} as const satisfies Record<string, (miner: Miner, prng: Prng) => void>;

/** A key of {@link mischiefs}. */
export type MischiefName = keyof typeof mischiefs;

/** What strangers send who never set up: each must end the connection or be discarded. */
export function sendStrangeThing(miner: Pick<Miner, "wire">, prng: Prng): string {
  const kind = prng.pick([
    "garbage",
    "work-first",
    "wrong-protocol",
    "old-version",
    "odd-flags",
    "nothing",
  ] as const);
  switch (kind) {
    case "garbage":
      sendRaw(miner, prng.below(2), prng.below(256), prng.bytes(prng.below(300)));
      break;
    case "work-first":
      send(miner, mining.CloseChannel, { channelId: 1, reasonCode: "" });
      break;
    case "wrong-protocol":
      sendSetup(miner, { protocol: Protocol.templateDistribution });
      break;
    case "old-version":
      sendSetup(miner, { minVersion: 1, maxVersion: 1 });
      break;
    case "odd-flags":
      sendSetup(miner, { flags: 0xffff_fff0 });
      break;
    case "nothing":
      break;
  }
  return kind;
}

function atWork(
  miner: Miner,
  prng: Prng,
  choose: (workplace: Workplace) => ClientShare | null | undefined,
): void {
  const workplace = somewhere(miner, prng);
  if (workplace === undefined) return;
  const share = choose(workplace);
  if (share) sendShare(miner, workplace, share, workplace.channel.takeSequenceNumber());
}

function altered(miner: Miner, prng: Prng, alter: (share: ClientShare) => ClientShare): void {
  atWork(miner, prng, (workplace) => {
    const share = miner.find(workplace, newest(workplace), "share");
    return share && alter(share);
  });
}

function somewhere(miner: Miner, prng: Prng): Workplace | undefined {
  const places = [...miner.workplaces.values()].filter(({ jobs }) => jobs.length > 0);
  return places.length === 0 ? undefined : prng.pick(places);
}

function newest(workplace: Workplace) {
  return workplace.jobs.at(-1)!;
}

function lowTarget(prng: Prng): Uint8Array {
  const target = new Uint8Array(32).fill(0xff);
  target[31] = prng.pick([0, 0x01, 0x0f]);
  return target;
}

function sendShare(miner: Miner, { channel }: Workplace, share: ClientShare, sequenceNumber: number): void {
  const { jobId, nonce, ntime, version, extranonce } = share;
  const fields = { channelId: channel.id, sequenceNumber, jobId, nonce, ntime, version };
  if (extranonce === undefined) send(miner, mining.SubmitSharesStandard, fields);
  else send(miner, mining.SubmitSharesExtended, { ...fields, extranonce });
}

function sendSetup(miner: Pick<Miner, "wire">, fields: Partial<common.SetupConnection>): void {
  send(miner, common.SetupConnection, {
    protocol: Protocol.mining,
    minVersion: 2,
    maxVersion: 2,
    flags: 0,
    endpointHost: "",
    endpointPort: 0,
    vendor: "stranger",
    hardwareVersion: "",
    firmware: "",
    deviceId: "",
    ...fields,
  });
}

function send<D extends MessageDefinition>(
  { wire }: Pick<Miner, "wire">,
  definition: D,
  fields: Parameters<typeof encodeFrame<D>>[1],
): void {
  wire.send(encodeFrame(definition, fields));
}

function sendRaw(
  { wire }: Pick<Miner, "wire">,
  extensionType: number,
  msgType: number,
  payload: Uint8Array,
): void {
  const frame = new Uint8Array(HEADER_SIZE + payload.length);
  writeFrameHeader(frame, { extensionType, channelMsg: false, msgType, length: payload.length });
  frame.set(payload, HEADER_SIZE);
  wire.send(frame);
}
