/** Jobs, the previous hash and custom jobs (SV2 5.3.15 to 5.3.20). */
import { b0_64k, b0_255, bool, option, seq0_255, str0_255, u32, u256 } from "../field-types.ts";
import { chapter, type Fields } from "../message-definition.ts";

const message = chapter("mining");

/** A job with a fixed merkle root, for standard channels. */
export const NewMiningJob = message({
  specName: "NewMiningJob",
  section: "5.3.15",
  msgType: 0x15,
  sender: "server",
  channelMsg: true,
  fields: {
    channelId: u32,
    jobId: u32,
    /** Null: a future job, which SetNewPrevHash activates. */
    minNtime: option(u32),
    version: u32,
    /** Internal byte order, as in the header. */
    merkleRoot: u256,
  },
});
export type NewMiningJob = Fields<typeof NewMiningJob>;

/** A job with a coinbase to complete, for extended and group channels. */
export const NewExtendedMiningJob = message({
  specName: "NewExtendedMiningJob",
  section: "5.3.16",
  msgType: 0x1f,
  sender: "server",
  channelMsg: true,
  fields: {
    channelId: u32,
    jobId: u32,
    /** Null: a future job, which SetNewPrevHash activates. */
    minNtime: option(u32),
    version: u32,
    versionRollingAllowed: bool,
    /** Deepest first, internal byte order. */
    merklePath: seq0_255(u256),
    /** Without the BIP141 fields (SV2 3.7.1); ends where the extranonce begins. */
    coinbaseTxPrefix: b0_64k,
    coinbaseTxSuffix: b0_64k,
  },
});
export type NewExtendedMiningJob = Fields<typeof NewExtendedMiningJob>;

/** Activates a future job and ends all others. */
export const SetNewPrevHash = message({
  specName: "SetNewPrevHash",
  section: "5.3.17",
  msgType: 0x20,
  sender: "server",
  channelMsg: true,
  fields: {
    channelId: u32,
    jobId: u32,
    /** Internal byte order, as in the header. */
    prevHash: u256,
    minNtime: u32,
    nbits: u32,
  },
});
export type SetNewPrevHash = Fields<typeof SetNewPrevHash>;

/** A job of the client's own making; needs REQUIRES_WORK_SELECTION. */
export const SetCustomMiningJob = message({
  specName: "SetCustomMiningJob",
  section: "5.3.18",
  msgType: 0x22,
  sender: "client",
  channelMsg: true,
  fields: {
    channelId: u32,
    requestId: u32,
    miningJobToken: b0_255,
    version: u32,
    prevHash: u256,
    minNtime: u32,
    nbits: u32,
    coinbaseTxVersion: u32,
    coinbasePrefix: b0_255,
    coinbaseTxInputNSequence: u32,
    /** Serialized outputs behind a CompactSize count, unlike `NewTemplate.coinbaseTxOutputs`. */
    coinbaseTxOutputs: b0_64k,
    coinbaseTxLocktime: u32,
    merklePath: seq0_255(u256),
  },
  specNames: { coinbaseTxInputNSequence: "coinbase_tx_input_nSequence" },
});
export type SetCustomMiningJob = Fields<typeof SetCustomMiningJob>;

export const SetCustomMiningJobSuccess = message({
  specName: "SetCustomMiningJob.Success",
  section: "5.3.19",
  msgType: 0x23,
  sender: "server",
  channelMsg: true,
  fields: { channelId: u32, requestId: u32, jobId: u32 },
});
export type SetCustomMiningJobSuccess = Fields<typeof SetCustomMiningJobSuccess>;

export const SetCustomMiningJobError = message({
  specName: "SetCustomMiningJob.Error",
  section: "5.3.20",
  msgType: 0x24,
  sender: "server",
  channelMsg: true,
  fields: { channelId: u32, requestId: u32, errorCode: str0_255 },
});
export type SetCustomMiningJobError = Fields<typeof SetCustomMiningJobError>;
