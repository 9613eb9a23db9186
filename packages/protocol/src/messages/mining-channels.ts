/** Opening, changing and closing mining channels (SV2 5.3.2 to 5.3.10, 5.3.21, 5.3.22). */
import { b0_32, f32, seq0_64k, str0_255, u16, u32, u256 } from "../field-types.ts";
import { chapter, type Fields } from "../message-definition.ts";

const message = chapter("mining");

const openFields = {
  /** Unique on the connection, chosen by the client. */
  requestId: u32,
  userIdentity: str0_255,
  /** Hashes per second. */
  nominalHashRate: f32,
  /** Highest target the device accepts, little-endian. */
  maxTarget: u256,
} as const;

export const OpenStandardMiningChannel = message({
  specName: "OpenStandardMiningChannel",
  section: "5.3.2",
  msgType: 0x10,
  sender: "client",
  fields: openFields,
});
export type OpenStandardMiningChannel = Fields<typeof OpenStandardMiningChannel>;

export const OpenStandardMiningChannelSuccess = message({
  specName: "OpenStandardMiningChannel.Success",
  section: "5.3.3",
  msgType: 0x11,
  sender: "server",
  fields: { requestId: u32, channelId: u32, target: u256, extranoncePrefix: b0_32, groupChannelId: u32 },
});
export type OpenStandardMiningChannelSuccess = Fields<typeof OpenStandardMiningChannelSuccess>;

/** Answers both kinds of open requests. */
export const OpenMiningChannelError = message({
  specName: "OpenMiningChannel.Error",
  section: "5.3.6",
  msgType: 0x12,
  sender: "server",
  fields: { requestId: u32, errorCode: str0_255 },
});
export type OpenMiningChannelError = Fields<typeof OpenMiningChannelError>;

export const OpenExtendedMiningChannel = message({
  specName: "OpenExtendedMiningChannel",
  section: "5.3.4",
  msgType: 0x13,
  sender: "client",
  fields: {
    ...openFields,
    /** Bytes. */
    minExtranonceSize: u16,
  },
});
export type OpenExtendedMiningChannel = Fields<typeof OpenExtendedMiningChannel>;

export const OpenExtendedMiningChannelSuccess = message({
  specName: "OpenExtendedMiningChannel.Success",
  section: "5.3.5",
  msgType: 0x14,
  sender: "server",
  fields: {
    requestId: u32,
    channelId: u32,
    target: u256,
    /** Bytes the client rolls, behind the prefix. */
    extranonceSize: u16,
    extranoncePrefix: b0_32,
    groupChannelId: u32,
  },
});
export type OpenExtendedMiningChannelSuccess = Fields<typeof OpenExtendedMiningChannelSuccess>;

/** New hash rate or target wish of a channel. Answered only when it is invalid. */
export const UpdateChannel = message({
  specName: "UpdateChannel",
  section: "5.3.7",
  msgType: 0x16,
  sender: "client",
  channelMsg: true,
  fields: {
    channelId: u32,
    /** Hashes per second. */
    nominalHashRate: f32,
    maximumTarget: u256,
  },
});
export type UpdateChannel = Fields<typeof UpdateChannel>;

export const UpdateChannelError = message({
  specName: "UpdateChannel.Error",
  section: "5.3.8",
  msgType: 0x17,
  sender: "server",
  channelMsg: true,
  fields: { channelId: u32, errorCode: str0_255 },
});
export type UpdateChannelError = Fields<typeof UpdateChannelError>;

/** Ends a channel, or every channel of a group. */
export const CloseChannel = message({
  specName: "CloseChannel",
  section: "5.3.9",
  msgType: 0x18,
  sender: "either",
  channelMsg: true,
  fields: { channelId: u32, reasonCode: str0_255 },
});
export type CloseChannel = Fields<typeof CloseChannel>;

/** Applies to jobs sent after it. */
export const SetExtranoncePrefix = message({
  specName: "SetExtranoncePrefix",
  section: "5.3.10",
  msgType: 0x19,
  sender: "server",
  channelMsg: true,
  fields: { channelId: u32, extranoncePrefix: b0_32 },
});
export type SetExtranoncePrefix = Fields<typeof SetExtranoncePrefix>;

/** Applies to jobs sent after it and to future jobs sent before. */
export const SetTarget = message({
  specName: "SetTarget",
  section: "5.3.21",
  msgType: 0x21,
  sender: "server",
  channelMsg: true,
  fields: { channelId: u32, maximumTarget: u256 },
});
export type SetTarget = Fields<typeof SetTarget>;

/** Moves channels into a group. */
export const SetGroupChannel = message({
  specName: "SetGroupChannel",
  section: "5.3.22",
  msgType: 0x25,
  sender: "server",
  fields: { groupChannelId: u32, channelIds: seq0_64k(u32) },
});
export type SetGroupChannel = Fields<typeof SetGroupChannel>;
