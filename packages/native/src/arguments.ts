import { isUint8Array } from "node:util/types";
import type { NativeErrorCode } from "./contract.ts";
import { NativeError } from "./native-error.ts";

/** Throws a {@link NativeError}. The addon uses the same texts. */
export function refuse(code: NativeErrorCode, message: string): never {
  throw new NativeError({ code }, message);
}

/** Refuses anything but an object. */
export function requireObject(value: unknown, name: string): void {
  if (typeof value !== "object" || value === null) refuse("invalid-argument", `${name} must be an object`);
}

/** Refuses anything but a Uint8Array (a Buffer is one). */
export function requireBytes(value: unknown, name: string): asserts value is Uint8Array {
  if (!isUint8Array(value)) refuse("invalid-argument", `${name} must be a Uint8Array`);
}

/** Refuses anything but a Uint8Array of exactly `size` bytes. */
export function requireSize(value: unknown, name: string, size: number): asserts value is Uint8Array {
  requireBytes(value, name);
  if (value.length !== size) refuse("invalid-length", `${name} must be ${size} bytes`);
}

/** Refuses anything but a Uint8Array of at most `most` bytes. */
export function requireAtMost(value: unknown, name: string, most: number): asserts value is Uint8Array {
  requireBytes(value, name);
  if (value.length > most) refuse("invalid-length", `${name} must be at most ${most} bytes`);
}

/** Refuses anything but an integer from 0 to 2^32-1. */
export function requireU32(value: unknown, name: string): asserts value is number {
  if (typeof value !== "number" || value >>> 0 !== value) {
    refuse("invalid-argument", `${name} must be an integer from 0 to 4294967295`);
  }
}

/** Refuses arrays that share memory: results would be written over what is still to be read. */
export function requireApart(input: Uint8Array, output: Uint8Array, name: string): void {
  if (input.buffer !== output.buffer || input.length === 0 || output.length === 0) return;
  const apart =
    input.byteOffset + input.length <= output.byteOffset ||
    output.byteOffset + output.length <= input.byteOffset;
  if (!apart) refuse("invalid-argument", `${name} may not overlap the input`);
}
