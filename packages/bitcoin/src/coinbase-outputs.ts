import { CodedError } from "@lode/ports";
import { Transaction } from "bitcoinjs-lib";
import { readCompactSize } from "./compact-size.ts";
import { BLOCK_HEADER_SIZE } from "./header.ts";

/** One output of a transaction. */
export interface TransactionOutput {
  /** Satoshis. */
  readonly sats: bigint;
  readonly script: Uint8Array;
}

/** Bytes that are no transaction, or no block. */
export class TransactionBytesError extends CodedError<{ code: "not-a-transaction" }> {}

/**
 * What a transaction pays, output by output.
 *
 * @param tx with or without witness
 * @throws TransactionBytesError
 */
export function transactionOutputs(tx: Uint8Array): TransactionOutput[] {
  return read(tx, false).outs.map(({ value, script }) => ({ sats: value, script }));
}

/**
 * The first transaction of a serialized block, as it stands there.
 *
 * @throws TransactionBytesError
 */
export function coinbaseOfBlock(block: Uint8Array): Uint8Array {
  try {
    const { next } = readCompactSize(block, BLOCK_HEADER_SIZE);
    const rest = block.subarray(next);
    return rest.slice(0, read(rest, true).byteLength());
  } catch (error) {
    if (error instanceof TransactionBytesError) throw error;
    throw new TransactionBytesError({ code: "not-a-transaction" }, "not a block", { cause: error });
  }
}

function read(bytes: Uint8Array, mayGoOn: boolean): Transaction {
  try {
    return Transaction.fromBuffer(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), mayGoOn);
  } catch (error) {
    throw new TransactionBytesError({ code: "not-a-transaction" }, "not a transaction", { cause: error });
  }
}
