import { NO_BYTES, Reader, Writer } from "./cursor.ts";
import { EncodeError } from "./errors.ts";
import { u32 } from "./field-types.ts";
import { HEADER_SIZE, MAX_PAYLOAD_LENGTH, writeFrameHeader } from "./frame-header.ts";
import type { Fields, MessageDefinition } from "./message-definition.ts";

/** A decoded payload. */
export interface DecodedPayload<F> {
  readonly fields: F;
  /** What follows the last field: TLVs of extensions (SV2 3.4.3), often empty. A view of the payload. */
  readonly tlvs: Uint8Array;
}

/**
 * Reads a message's fields. Byte fields and `tlvs` are views into `payload`: copy (`slice()`) what must outlive it, since
 * a transport reuses its buffers. Bytes after the last field are no error. `maxLength` is not checked here, the
 * transport does so before it buffers. Throws DecodeError and nothing else.
 */
export function decodePayload<D extends MessageDefinition>(
  definition: D,
  payload: Uint8Array,
): DecodedPayload<Fields<D>> {
  const layout = definition.layout;
  const reader = new Reader(payload, layout);
  const fields: Record<string, unknown> = {};
  for (let index = 0; index < layout.length; index++) {
    const { name, type } = layout[index]!;
    reader.field = index;
    if (type === u32) {
      // Most fields of the messages that come per share are U32: reading them here saves the indirect call.
      const at = reader.take(4);
      fields[name] =
        (payload[at]! | (payload[at + 1]! << 8) | (payload[at + 2]! << 16) | (payload[at + 3]! << 24)) >>> 0;
    } else {
      fields[name] = type.read(reader);
    }
  }
  reader.field = layout.length;
  const left = payload.length - reader.offset;
  return { fields: fields as Fields<D>, tlvs: left === 0 ? NO_BYTES : reader.view(left) };
}

/** Encodes with `room` bytes left free in front. */
function encode(
  definition: MessageDefinition,
  values: Readonly<Record<string, unknown>>,
  tlvs: Uint8Array,
  room: number,
): Uint8Array {
  const layout = definition.layout;
  const writer = new Writer(layout);
  let size = tlvs.length;
  for (let index = 0; index < layout.length; index++) {
    const { name, type, fixedSize } = layout[index]!;
    writer.field = index;
    size += fixedSize >= 0 ? fixedSize : type.size(writer, values[name]);
  }
  if (size > MAX_PAYLOAD_LENGTH) {
    throw new EncodeError(
      { code: "too-long", field: "payload", length: size, maximum: MAX_PAYLOAD_LENGTH },
      `${definition.specName} has ${size} bytes, a frame carries ${MAX_PAYLOAD_LENGTH}`,
    );
  }
  const bytes = new Uint8Array(room + size);
  writer.bytes = bytes;
  writer.offset = room;
  for (let index = 0; index < layout.length; index++) {
    const { name, type } = layout[index]!;
    writer.field = index;
    if (type === u32) {
      const value = values[name] as number;
      if (value >>> 0 !== value) writer.outOfRange(value, "U32");
      const at = writer.offset;
      bytes[at] = value;
      bytes[at + 1] = value >>> 8;
      bytes[at + 2] = value >>> 16;
      bytes[at + 3] = value >>> 24;
      writer.offset = at + 4;
    } else {
      type.write(writer, values[name]);
    }
  }
  if (tlvs.length > 0) bytes.set(tlvs, writer.offset);
  return bytes;
}

/** Writes a message's fields, then `tlvs` as they are. Throws EncodeError. */
export function encodePayload<D extends MessageDefinition>(
  definition: D,
  fields: Readonly<Fields<D>>,
  tlvs: Uint8Array = NO_BYTES,
): Uint8Array {
  return encode(definition, fields, tlvs, 0);
}

/** Header and payload in one piece, not encrypted. `channel_msg` is set as SV2 chapter 08 says. Throws EncodeError. */
export function encodeFrame<D extends MessageDefinition>(
  definition: D,
  fields: Readonly<Fields<D>>,
  tlvs: Uint8Array = NO_BYTES,
): Uint8Array {
  const frame = encode(definition, fields, tlvs, HEADER_SIZE);
  writeFrameHeader(frame, {
    extensionType: definition.extensionType,
    channelMsg: definition.channelMsg,
    msgType: definition.msgType,
    length: frame.length - HEADER_SIZE,
  });
  return frame;
}
