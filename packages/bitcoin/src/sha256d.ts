import { native } from "@lode/native";

/** Double SHA-256 of `data`; a fresh 32-byte array in internal order. */
export function sha256d(data: Uint8Array): Uint8Array {
  return native.sha256d(data);
}
