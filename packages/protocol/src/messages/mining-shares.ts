/** Shares and their answers (SV2 5.3.11 to 5.3.14). */
import { b0_32, str0_255, u32, u64 } from "../field-types.ts";
import { chapter, type Fields } from "../message-definition.ts";

const message = chapter("mining");

const shareFields = {
  channelId: u32,
  sequenceNumber: u32,
  jobId: u32,
  nonce: u32,
  ntime: u32,
  /** The whole header version, rolled bits included. */
  version: u32,
} as const;

export const SubmitSharesStandard = message({
  specName: "SubmitSharesStandard",
  section: "5.3.11",
  msgType: 0x1a,
  sender: "client",
  channelMsg: true,
  fields: shareFields,
});
export type SubmitSharesStandard = Fields<typeof SubmitSharesStandard>;

export const SubmitSharesExtended = message({
  specName: "SubmitSharesExtended",
  section: "5.3.12",
  msgType: 0x1b,
  sender: "client",
  channelMsg: true,
  fields: {
    ...shareFields,
    /** The bytes behind the channel's prefix. A view of the payload when decoded. */
    extranonce: b0_32,
  },
});
export type SubmitSharesExtended = Fields<typeof SubmitSharesExtended>;

/** Acknowledges every share since the last acknowledgement. */
export const SubmitSharesSuccess = message({
  specName: "SubmitShares.Success",
  section: "5.3.13",
  msgType: 0x1c,
  sender: "server",
  channelMsg: true,
  fields: {
    channelId: u32,
    lastSequenceNumber: u32,
    newSubmitsAcceptedCount: u32,
    /** Sum of the shares' difficulties. */
    newSharesSum: u64,
  },
});
export type SubmitSharesSuccess = Fields<typeof SubmitSharesSuccess>;

export const SubmitSharesError = message({
  specName: "SubmitShares.Error",
  section: "5.3.14",
  msgType: 0x1d,
  sender: "server",
  channelMsg: true,
  fields: { channelId: u32, sequenceNumber: u32, errorCode: str0_255 },
});
export type SubmitSharesError = Fields<typeof SubmitSharesError>;
