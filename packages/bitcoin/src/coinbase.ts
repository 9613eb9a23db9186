import { CodedError } from "@lode/ports";
import { concatBytes } from "./bytes.ts";
import { encodeCompactSize } from "./compact-size.ts";

/** Consensus limits of a coinbase's scriptSig, bytes (bad-cb-length). */
export const MIN_COINBASE_SCRIPT_SIG = 2;
/** See {@link MIN_COINBASE_SCRIPT_SIG}. */
export const MAX_COINBASE_SCRIPT_SIG = 100;

const MAX_MONEY = 2_100_000_000_000_000n;

/** Why no valid coinbase can be built. */
export type CoinbaseErrorType =
  | { code: "script-sig-too-long"; length: number }
  | { code: "push-too-long"; length: number }
  | { code: "invalid-extranonce-size"; size: number }
  | { code: "invalid-output-value"; value: bigint }
  | { code: "forbidden-transaction-size" }
  | { code: "not-a-stripped-coinbase" }
  | { code: "not-a-coinbase" };
/** Thrown while a coinbase is put together. */
export class CoinbaseError extends CodedError<CoinbaseErrorType> {}

/** What {@link buildCoinbase} puts together. */
export interface CoinbaseParts {
  /** Transaction version (u32). */
  version: number;
  /** Start of the scriptSig as the template gives it: the BIP34 push, and whatever a source may append to it. */
  prefix: Uint8Array;
  /** Pool tag, pushed as one item; nothing is pushed when it is empty. At most 60 bytes always fit (BIP34 push ≤ 5). */
  tag: Uint8Array;
  /** What makes this job's coinbase different from every other job's; one push (12 bytes in Lode), none when empty. */
  unique: Uint8Array;
  /** Bytes of the whole extranonce, 1 … 75; one push at the end of the scriptSig. */
  extranonceSize: number;
  /** Input sequence (u32). */
  sequence: number;
  /** Serialized outputs one after another, without their count. */
  outputs: Uint8Array;
  outputsCount: number;
  /** nLockTime (u32). */
  locktime: number;
}

/** A coinbase transaction without BIP141 fields, cut at the extranonce. */
export interface SplitCoinbase {
  /** Ends right before the extranonce. */
  prefix: Uint8Array;
  /** Starts right behind the extranonce. */
  suffix: Uint8Array;
}

/**
 * Lays out a coinbase: `prefix, push(tag), push(unique), push(extranonce)` as scriptSig, then the outputs.
 *
 * @throws CoinbaseError `script-sig-too-long` above 100 bytes, `push-too-long` above 75, `invalid-extranonce-size`,
 *   `forbidden-transaction-size` for a stripped size of 64 bytes (BIP54)
 */
export function buildCoinbase(parts: CoinbaseParts): SplitCoinbase {
  const { extranonceSize } = parts;
  if (!Number.isInteger(extranonceSize) || extranonceSize < 1 || extranonceSize > 75) {
    throw new CoinbaseError({ code: "invalid-extranonce-size", size: extranonceSize });
  }
  const head = concatBytes(parts.prefix, push(parts.tag), push(parts.unique), Uint8Array.of(extranonceSize));
  const scriptSigLength = head.length + extranonceSize;
  if (scriptSigLength > MAX_COINBASE_SCRIPT_SIG) {
    throw new CoinbaseError({ code: "script-sig-too-long", length: scriptSigLength });
  }
  const prefix = concatBytes(uint32(parts.version), NULL_INPUT, Uint8Array.of(scriptSigLength), head);
  const suffix = concatBytes(
    uint32(parts.sequence),
    encodeCompactSize(parts.outputsCount),
    parts.outputs,
    uint32(parts.locktime),
  );
  if (prefix.length + extranonceSize + suffix.length === 64) {
    throw new CoinbaseError({ code: "forbidden-transaction-size" });
  }
  return { prefix, suffix };
}

/**
 * Adds marker, flag and the witness (one item, the witness reserved value) to a stripped coinbase. Blocks and
 * SubmitSolution need this form; only a coinbase without a witness commitment must stay stripped (`coinbaseForBlock`).
 *
 * @param reservedValue 32 bytes (BIP141)
 * @throws CoinbaseError `not-a-stripped-coinbase` when it is not a transaction with exactly one input
 */
export function coinbaseWithWitness(strippedTx: Uint8Array, reservedValue = ZERO_RESERVED_VALUE): Uint8Array {
  // A 00 here is the BIP141 marker: the witness is there already.
  if (strippedTx.length < 60 || strippedTx[4] !== 1 || reservedValue.length !== 32) {
    throw new CoinbaseError({ code: "not-a-stripped-coinbase" });
  }
  const locktimeAt = strippedTx.length - 4;
  return concatBytes(
    strippedTx.subarray(0, 4),
    MARKER_AND_FLAG,
    strippedTx.subarray(4, locktimeAt),
    ONE_ITEM_OF_32,
    reservedValue,
    strippedTx.subarray(locktimeAt),
  );
}

/**
 * The other way: takes marker, flag and the 32-byte reserved value off a coinbase, which is then the form that is hashed
 * to its txid (SV2 3.7). A coinbase without a witness is returned as it is.
 *
 * @throws CoinbaseError `not-a-coinbase`
 */
export function stripCoinbaseWitness(tx: Uint8Array): Uint8Array {
  if (tx.length >= 60 && tx[4] === 1) return tx;
  const witnessAt = tx.length - 4 - ONE_ITEM_OF_32.length - 32;
  if (tx.length < 96 || tx[4] !== 0 || tx[5] !== 1 || tx[witnessAt] !== 1 || tx[witnessAt + 1] !== 32) {
    throw new CoinbaseError({ code: "not-a-coinbase" });
  }
  return concatBytes(tx.subarray(0, 4), tx.subarray(6, witnessAt), tx.subarray(tx.length - 4));
}

/**
 * One transaction output: value, script length, script.
 *
 * @param valueSats satoshi, 0 … 21 million coins
 * @throws CoinbaseError `invalid-output-value`
 */
export function serializeOutput(valueSats: bigint, script: Uint8Array): Uint8Array {
  if (valueSats < 0n || valueSats > MAX_MONEY) {
    throw new CoinbaseError({ code: "invalid-output-value", value: valueSats });
  }
  const value = new Uint8Array(8);
  new DataView(value.buffer).setBigUint64(0, valueSats, true);
  return concatBytes(value, encodeCompactSize(script.length), script);
}

/** One input that spends nothing: count 1, null outpoint. */
const NULL_INPUT = Uint8Array.of(1, ...new Uint8Array(32), 0xff, 0xff, 0xff, 0xff);
const MARKER_AND_FLAG = Uint8Array.of(0, 1);
const ONE_ITEM_OF_32 = Uint8Array.of(1, 32);
const ZERO_RESERVED_VALUE = new Uint8Array(32);

function push(item: Uint8Array): Uint8Array {
  if (item.length === 0) return item;
  // Longer ones need OP_PUSHDATA1; no scriptSig of 100 bytes has room for them beside an extranonce.
  if (item.length > 75) throw new CoinbaseError({ code: "push-too-long", length: item.length });
  return concatBytes(Uint8Array.of(item.length), item);
}

function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}
