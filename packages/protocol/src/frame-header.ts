import { DecodeError } from "./errors.ts";

/** Size of a frame header in bytes (SV2 3.2). */
export const HEADER_SIZE = 6;

/** The largest payload a header can announce: a U24 (SV2 3.2). */
export const MAX_PAYLOAD_LENGTH = 0xff_ffff;

const CHANNEL_MSG = 0x8000;

/** A frame header (SV2 3.2). */
export interface FrameHeader {
  /** Without bit 15, which the lookup ignores (SV2 3.2.1). */
  readonly extensionType: number;
  /** Bit 15 of the extension type: the payload begins with a channel id (SV2 3.2.1). */
  readonly channelMsg: boolean;
  /** U8. */
  readonly msgType: number;
  /** Payload length in bytes, U24, without the header. */
  readonly length: number;
}

/** Reads the header at `offset`. Throws DecodeError `truncated` when there are fewer than six bytes. */
export function parseFrameHeader(bytes: Uint8Array, offset = 0): FrameHeader {
  const available = bytes.length - offset;
  if (available < HEADER_SIZE) {
    throw new DecodeError(
      { code: "truncated", offset, field: "header", needed: HEADER_SIZE, available },
      `a frame header has ${HEADER_SIZE} bytes, ${available} left`,
    );
  }
  const extension = bytes[offset]! | (bytes[offset + 1]! << 8);
  return {
    extensionType: extension & ~CHANNEL_MSG,
    channelMsg: (extension & CHANNEL_MSG) !== 0,
    msgType: bytes[offset + 2]!,
    length: bytes[offset + 3]! | (bytes[offset + 4]! << 8) | (bytes[offset + 5]! << 16),
  };
}

/** Writes a header at `offset`. The caller has checked the ranges and that there is room. */
export function writeFrameHeader(bytes: Uint8Array, header: FrameHeader, offset = 0): void {
  bytes[offset] = header.extensionType;
  bytes[offset + 1] = (header.extensionType | (header.channelMsg ? CHANNEL_MSG : 0)) >>> 8;
  bytes[offset + 2] = header.msgType;
  bytes[offset + 3] = header.length;
  bytes[offset + 4] = header.length >>> 8;
  bytes[offset + 5] = header.length >>> 16;
}
