import { everyMessage } from "./all-messages.ts";
import { Reader } from "./cursor.ts";
import { DecodeError, type DecodeErrorType } from "./errors.ts";
import type { FieldType } from "./field-types.ts";
import { type FrameHeader, HEADER_SIZE, parseFrameHeader } from "./frame-header.ts";
import type { MessageDefinition, ProtocolName } from "./message-definition.ts";
import { decodeTlvs } from "./tlv.ts";

/** A value as JSON: bytes as hex in wire order, U64 as decimal text, floats JSON cannot hold as their names. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[];

/** One field of a described frame. Offsets count from the frame's first byte. */
export interface DescribedField {
  /** The spec's name. */
  readonly name: string;
  /** The spec's data type. */
  readonly type: string;
  readonly offset: number;
  /** Bytes on the wire, length prefix included. */
  readonly length: number;
  readonly value: JsonValue;
}

/** One TLV of a described frame; `value` is hex. */
export interface DescribedTlv {
  readonly extensionType: number;
  readonly fieldType: number;
  readonly offset: number;
  readonly length: number;
  readonly value: string;
}

/** What bytes say when they are read as a frame. Plain data, ready for JSON. */
export interface FrameDescription {
  /** The spec's name; null for a message without a definition here, or without a whole header. */
  readonly message: string | null;
  readonly protocol: ProtocolName | null;
  /** The section that defines the message. */
  readonly section: string | null;
  readonly header: FrameHeader | null;
  readonly fields: readonly DescribedField[];
  readonly tlvs: readonly DescribedTlv[];
  /** Hex of the payload from the first byte that could not be understood. */
  readonly undecoded: string;
  /** Payload bytes that the header announces and that are not there. */
  readonly missing: number;
  /** Bytes behind the frame. */
  readonly surplus: number;
  /** What is odd without being an error. */
  readonly notes: readonly string[];
  /** Why reading stopped; `offset` counts from the frame's first byte. */
  readonly error: (DecodeErrorType & { readonly message: string }) | null;
}

interface Mutable {
  fields: DescribedField[];
  tlvs: DescribedTlv[];
  undecoded: string;
  notes: string[];
  error: FrameDescription["error"];
}

/** Describes one plaintext frame. Never throws: cut, unknown and malformed frames are described as far as they go. */
export function describeFrame(bytes: Uint8Array): FrameDescription {
  const found: Mutable = { fields: [], tlvs: [], undecoded: "", notes: [], error: null };
  let header: FrameHeader | null = null;
  let definition: MessageDefinition | undefined;
  let missing = 0;
  let surplus = 0;
  try {
    header = parseFrameHeader(bytes);
    const end = HEADER_SIZE + header.length;
    missing = Math.max(0, end - bytes.length);
    surplus = Math.max(0, bytes.length - end);
    const payload = bytes.subarray(HEADER_SIZE, end);
    definition = everyMessage.lookup(header.extensionType, header.msgType);
    if (definition) {
      found.notes.push(...oddities(header, definition));
      describePayload(definition, payload, found);
    } else {
      found.undecoded = hex(payload);
    }
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    found.undecoded = hex(bytes);
    found.error = { ...error.type, message: error.message };
  }
  return {
    message: definition?.specName ?? null,
    protocol: definition?.protocol ?? null,
    section: definition?.section ?? null,
    header,
    fields: found.fields,
    tlvs: found.tlvs,
    undecoded: found.undecoded,
    missing,
    surplus,
    notes: found.notes,
    error: found.error,
  };
}

function oddities(header: FrameHeader, definition: MessageDefinition): string[] {
  const notes: string[] = [];
  if (header.channelMsg !== definition.channelMsg) {
    notes.push(
      `channel_msg is ${Number(header.channelMsg)}, SV2 chapter 08 says ${Number(definition.channelMsg)}`,
    );
  }
  if (header.length > definition.maxLength) {
    notes.push(`msg_length is above ${definition.maxLength}, the most that is accepted for this message`);
  }
  return notes;
}

function describePayload(definition: MessageDefinition, payload: Uint8Array, found: Mutable): void {
  const reader = new Reader(payload, definition.layout);
  let start = 0;
  try {
    for (const [index, { specName, type }] of definition.layout.entries()) {
      start = reader.offset;
      reader.field = index;
      const value = jsonValue(type, type.read(reader));
      const offset = HEADER_SIZE + start;
      found.fields.push({
        name: specName,
        type: type.specName,
        offset,
        length: reader.offset - start,
        value,
      });
    }
    start = reader.offset;
    describeTlvs(payload.subarray(start), HEADER_SIZE + start, found);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    // Errors of TLVs count from the first TLV, those of fields from the payload.
    const base = found.fields.length === definition.layout.length ? start : 0;
    found.error = { ...error.type, offset: HEADER_SIZE + base + error.offset, message: error.message };
    found.undecoded = hex(payload.subarray(start));
  }
}

function describeTlvs(bytes: Uint8Array, base: number, found: Mutable): void {
  for (const { extensionType, fieldType, value } of decodeTlvs(bytes)) {
    const offset = base + value.byteOffset - bytes.byteOffset;
    const head = 5;
    found.tlvs.push({
      extensionType,
      fieldType,
      offset: offset - head,
      length: head + value.length,
      value: hex(value),
    });
  }
}

function jsonValue(type: FieldType, value: unknown): JsonValue {
  if (value === null) return null;
  if (value instanceof Uint8Array) return hex(value);
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (Array.isArray(value)) return value.map((item) => jsonValue(type.element ?? type, item));
  return value as string | boolean;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}
