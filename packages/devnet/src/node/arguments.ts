import type { BlockEntry } from "../chain/block-index.ts";
import type { NodeState } from "./node-state.ts";
import { RpcCode, RpcFailure } from "./rpc-failure.ts";

/** A string argument. @throws RpcFailure −3 */
export function stringArgument(value: unknown, name: string): string {
  if (typeof value !== "string") throw wrongType(value, name, "string");
  return value;
}

/** An integer argument, `fallback` when left out. @throws RpcFailure −3, −8 outside of u31 */
export function integerArgument(value: unknown, name: string, fallback?: number): number {
  const given = value ?? fallback;
  if (typeof given !== "number") throw wrongType(value, name, "number");
  if (!Number.isInteger(given) || Math.abs(given) > 0x7fff_ffff) {
    throw new RpcFailure(RpcCode.invalidParameter, `${name} out of range`);
  }
  return given;
}

/** A switch that may be a number, as verbosity arguments are: false and true count as 0 and 1. */
export function verbosityArgument(value: unknown, name: string, fallback: number): number {
  return typeof value === "boolean" ? Number(value) : integerArgument(value, name, fallback);
}

/** A displayed hash. @throws RpcFailure −3, −8 */
export function hashArgument(value: unknown, name: string): string {
  const text = stringArgument(value, name);
  if (text.length !== 64) {
    throw new RpcFailure(
      RpcCode.invalidParameter,
      `${name} must be of length 64 (not ${text.length}, for '${text}')`,
    );
  }
  if (!/^[0-9a-f]{64}$/i.test(text)) {
    throw new RpcFailure(RpcCode.invalidParameter, `${name} must be hexadecimal string (not '${text}')`);
  }
  return text.toLowerCase();
}

/** Bytes given as hex. @throws RpcFailure −3, −22 with `message` */
export function hexArgument(value: unknown, name: string, message: string): Uint8Array {
  const text = stringArgument(value, name);
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(text)) {
    throw new RpcFailure(RpcCode.deserializationError, message);
  }
  return new Uint8Array(Buffer.from(text, "hex"));
}

/** The block a hash names. @throws RpcFailure −3, −8, −5 */
export function blockArgument(node: NodeState, value: unknown): BlockEntry {
  const entry = node.chain.entry(hashArgument(value, "blockhash"));
  if (entry === undefined) throw new RpcFailure(RpcCode.invalidAddressOrKey, "Block not found");
  return entry;
}

function wrongType(value: unknown, name: string, expected: string): RpcFailure {
  const actual =
    value === null || value === undefined ? "null" : Array.isArray(value) ? "array" : typeof value;
  return new RpcFailure(
    RpcCode.typeError,
    `Wrong type passed:\n{\n    "${name}": "JSON value of type ${actual} is not of expected type ${expected}"\n}`,
  );
}
