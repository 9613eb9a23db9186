import { CodedError } from "@lode/ports";
import { equalBytes } from "./bytes.ts";

/** A block height that BIP34 cannot carry. */
export type HeightErrorType = { code: "invalid-height"; height: number };
/** Thrown by {@link bip34Push}. */
export class HeightError extends CodedError<HeightErrorType> {}

/**
 * The height as every coinbase's scriptSig must begin (BIP34): OP_0, OP_1 … OP_16 for heights to 16 (`01 01` would be
 * refused as bad-cb-height), else a minimal little-endian signed push.
 *
 * @param height integer, 0 … 2^31 − 1
 * @throws HeightError `invalid-height`
 */
export function bip34Push(height: number): Uint8Array {
  if (!Number.isInteger(height) || height < 0 || height > 0x7fff_ffff) {
    throw new HeightError({ code: "invalid-height", height });
  }
  if (height === 0) return Uint8Array.of(0);
  if (height <= 16) return Uint8Array.of(0x50 + height);
  const number: number[] = [];
  for (let rest = height; rest > 0; rest >>>= 8) number.push(rest & 0xff);
  // A set top bit would be the sign.
  if ((number.at(-1) as number) >= 0x80) number.push(0);
  return Uint8Array.of(number.length, ...number);
}

/**
 * Height at the start of a scriptSig or of a template's coinbase_prefix; undefined when it does not begin with exactly the
 * push {@link bip34Push} makes.
 */
export function heightFromBip34(prefix: Uint8Array): number | undefined {
  const opcode = prefix[0];
  if (opcode === undefined) return undefined;
  if (opcode === 0) return 0;
  if (opcode > 0x50 && opcode <= 0x60) return opcode - 0x50;
  if (opcode > 5 || prefix.length < 1 + opcode) return undefined;
  let height = 0;
  for (let i = opcode; i >= 1; i--) height = height * 256 + (prefix[i] as number);
  if (height > 0x7fff_ffff || !equalBytes(bip34Push(height), prefix.subarray(0, 1 + opcode)))
    return undefined;
  return height;
}
