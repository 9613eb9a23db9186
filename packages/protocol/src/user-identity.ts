/** Extension 0x0002, Worker-Specific Hashrate Tracking: one TLV behind SubmitSharesExtended. */
import { DecodeError, EncodeError } from "./errors.ts";
import { decodeTlvs, encodeTlvs } from "./tlv.ts";

/** Numbers of extension 0x0002. */
export const WorkerTracking = {
  extensionType: 0x0002,
  /** Field type of `user_identity`. */
  userIdentity: 0x01,
  /** Most bytes of `user_identity`. */
  maxLength: 32,
} as const;

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** The TLV that names the worker of a share. Throws EncodeError `too-long` above 32 bytes of UTF-8. */
export function encodeUserIdentity(worker: string): Uint8Array {
  const { extensionType, userIdentity: fieldType, maxLength } = WorkerTracking;
  const value = new TextEncoder().encode(worker);
  if (value.length > maxLength) {
    throw new EncodeError(
      { code: "too-long", field: "user_identity", length: value.length, maximum: maxLength },
      `user_identity has ${value.length} bytes, the maximum is ${maxLength}`,
    );
  }
  return encodeTlvs([{ extensionType, fieldType, value }]);
}

/**
 * The worker a share's TLVs name: undefined when they do not, the first when they name several. Other TLVs are ignored.
 * Bytes that are no UTF-8 become U+FFFD. Throws DecodeError: `too-long` above 32 bytes (such a share is to be
 * rejected), and what {@link decodeTlvs} throws.
 */
export function decodeUserIdentity(tlvs: Uint8Array): string | undefined {
  const { extensionType, userIdentity, maxLength } = WorkerTracking;
  const found = decodeTlvs(tlvs, { expected: [extensionType] }).find(
    (tlv) => tlv.extensionType === extensionType && tlv.fieldType === userIdentity,
  );
  if (found === undefined) return undefined;
  const length = found.value.length;
  if (length > maxLength) {
    const offset = found.value.byteOffset - tlvs.byteOffset;
    throw new DecodeError(
      { code: "too-long", offset, field: "user_identity", length, maximum: maxLength },
      `user_identity has ${length} bytes, the maximum is ${maxLength}`,
    );
  }
  return decoder.decode(found.value);
}
