/** Messages of the template distribution protocol (SV2 chapter 7). None is a channel message. */
import {
  b0_16m,
  b0_64k,
  b0_255,
  bool,
  seq0_64k,
  seq0_255,
  str0_255,
  u16,
  u32,
  u64,
  u256,
} from "../field-types.ts";
import { chapter, type Fields } from "../message-definition.ts";

const message = chapter("template-distribution");

/** Room the template must leave for coinbase outputs; the first message after the setup. */
export const CoinbaseOutputConstraints = message({
  specName: "CoinbaseOutputConstraints",
  section: "7.1",
  msgType: 0x70,
  sender: "client",
  fields: {
    /** Serialized bytes of outputs. */
    coinbaseOutputMaxAdditionalSize: u32,
    coinbaseOutputMaxAdditionalSigops: u16,
  },
});
export type CoinbaseOutputConstraints = Fields<typeof CoinbaseOutputConstraints>;

/** A block template. */
export const NewTemplate = message({
  specName: "NewTemplate",
  section: "7.2",
  msgType: 0x71,
  sender: "server",
  fields: {
    templateId: u64,
    /** True: becomes valid with a later SetNewPrevHash. */
    futureTemplate: bool,
    version: u32,
    coinbaseTxVersion: u32,
    /** Beginning of the coinbase's scriptSig: the BIP34 height. */
    coinbasePrefix: b0_255,
    coinbaseTxInputSequence: u32,
    /** Satoshis, fees and subsidy. */
    coinbaseTxValueRemaining: u64,
    coinbaseTxOutputsCount: u32,
    /** Serialized outputs without a count in front. */
    coinbaseTxOutputs: b0_64k,
    coinbaseTxLocktime: u32,
    /** Deepest first, internal byte order. */
    merklePath: seq0_255(u256),
  },
});
export type NewTemplate = Fields<typeof NewTemplate>;

/** A new best block; activates an earlier future template. */
export const SetNewPrevHash = message({
  specName: "SetNewPrevHash",
  section: "7.3",
  msgType: 0x72,
  sender: "server",
  fields: {
    templateId: u64,
    /** Internal byte order, as in the header. */
    prevHash: u256,
    headerTimestamp: u32,
    nbits: u32,
    /** Network target, little-endian. */
    target: u256,
  },
  specNames: { nbits: "nBits" },
});
export type SetNewPrevHash = Fields<typeof SetNewPrevHash>;

/** Asks for the transactions of a template. */
export const RequestTransactionData = message({
  specName: "RequestTransactionData",
  section: "7.4",
  msgType: 0x73,
  sender: "client",
  fields: { templateId: u64 },
});
export type RequestTransactionData = Fields<typeof RequestTransactionData>;

/** All transactions of a template but the coinbase. */
export const RequestTransactionDataSuccess = message({
  specName: "RequestTransactionData.Success",
  section: "7.5",
  msgType: 0x74,
  sender: "server",
  fields: {
    templateId: u64,
    excessData: b0_64k,
    /** In block order, with witnesses. */
    transactionList: seq0_64k(b0_16m),
  },
});
export type RequestTransactionDataSuccess = Fields<typeof RequestTransactionDataSuccess>;

/** The template's transactions are not to be had. */
export const RequestTransactionDataError = message({
  specName: "RequestTransactionData.Error",
  section: "7.6",
  msgType: 0x75,
  sender: "server",
  fields: { templateId: u64, errorCode: str0_255 },
});
export type RequestTransactionDataError = Fields<typeof RequestTransactionDataError>;

/** A block was found. There is no answer. */
export const SubmitSolution = message({
  specName: "SubmitSolution",
  section: "7.7",
  msgType: 0x76,
  sender: "client",
  fields: {
    templateId: u64,
    version: u32,
    headerTimestamp: u32,
    headerNonce: u32,
    /** The whole coinbase transaction with its witness (SV2 3.7.3). */
    coinbaseTx: b0_64k,
  },
});
export type SubmitSolution = Fields<typeof SubmitSolution>;
