import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fieldsArbitrary, tlvsArbitrary } from "./arbitraries.ts";
import {
  allMessages,
  decodePayload,
  decodeTlvs,
  encodeFrame,
  encodePayload,
  encodeTlvs,
  everyMessage,
  type FieldType,
  HEADER_SIZE,
  type MessageDefinition,
  messagesMarkdown,
  parseFrameHeader,
} from "./index.ts";

type VectorValue = string | number | boolean | null | VectorValue[];

function loadVectors<T>(name: string): T[] {
  const url = new URL(`../../../test/vectors/${name}`, import.meta.url);
  return (JSON.parse(readFileSync(url, "utf8")) as { vectors: T[] }).vectors;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replaceAll(" ", ""), "hex"));
}

/** A value of a vector file as the codec takes it. */
function fromVector(type: FieldType, value: VectorValue): unknown {
  if (value === null) return null;
  if (type.kind === "u64") return BigInt(value as string);
  if (type.kind === "u256" || type.kind === "bytes") return bytes(value as string);
  if (type.kind === "sequence")
    return (value as VectorValue[]).map((item) => fromVector(type.element!, item));
  return value;
}

function fieldsOf(
  definition: MessageDefinition,
  values: Record<string, VectorValue>,
  nameOf: (specName: string) => string = (name) => name,
): Record<string, unknown> {
  return Object.fromEntries(
    definition.layout.map(({ name, specName, type }) => {
      const value = values[nameOf(specName)];
      if (value === undefined) throw new Error(`the vector has no ${specName}`);
      return [name, fromVector(type, value)];
    }),
  );
}

/** The reference implementation's names of fields that differ from the spec's. */
const referenceNames: Record<string, string> = {
  nBits: "n_bits",
  coinbase_tx_input_nSequence: "coinbase_tx_input_n_sequence",
};

interface ReferenceVector {
  message: string;
  protocol: string;
  variant: string;
  extension_type: number;
  msg_type: number;
  channel_bit: boolean;
  fields: Record<string, VectorValue>;
  payload_hex: string;
  frame_hex: string;
}

describe("frames of the reference implementation", () => {
  const vectors = loadVectors<ReferenceVector>("messages-sri.json");

  it("exist for every message", () => {
    const covered = new Set(
      vectors.map((vector) => everyMessage.lookup(vector.extension_type, vector.msg_type)),
    );
    expect(allMessages.filter((definition) => !covered.has(definition))).toEqual([]);
  });

  it.each(vectors)("$protocol $message ($variant) encodes to and decodes from the same bytes", (vector) => {
    const definition = everyMessage.lookup(vector.extension_type, vector.msg_type)!;
    expect(definition.specName).toBe(vector.message);
    expect(definition.protocol.replaceAll("-", "_")).toBe(vector.protocol);
    const fields = fieldsOf(definition, vector.fields, (name) => referenceNames[name] ?? name);

    expect(hex(encodeFrame(definition, fields))).toBe(vector.frame_hex);

    const frame = bytes(vector.frame_hex);
    expect(parseFrameHeader(frame)).toEqual({
      extensionType: vector.extension_type,
      channelMsg: vector.channel_bit,
      msgType: vector.msg_type,
      length: vector.payload_hex.length / 2,
    });
    const decoded = decodePayload(definition, frame.subarray(HEADER_SIZE));
    expect(decoded).toEqual({ fields, tlvs: new Uint8Array(0) });
    expect(frame.length - HEADER_SIZE).toBeLessThanOrEqual(definition.maxLength);
  });
});

interface HandVector {
  message: string;
  section: string;
  header_hex: string;
  fields: Record<string, VectorValue>;
  payload_hex: string[];
}

describe("frames written by hand from the specification", () => {
  const vectors = loadVectors<HandVector>("messages-hand.json");

  it("exist for every message", () => {
    const sections = vectors.map(({ message, section }) => `${section} ${message}`);
    expect(sections.toSorted()).toEqual(
      allMessages.map(({ section, specName }) => `${section} ${specName}`).toSorted(),
    );
  });

  it.each(vectors)("$section $message", (vector) => {
    const frame = bytes(vector.header_hex + vector.payload_hex.join(""));
    const header = parseFrameHeader(frame);
    const definition = everyMessage.lookup(header.extensionType, header.msgType)!;
    expect(definition.section).toBe(vector.section);
    expect(definition.channelMsg).toBe(header.channelMsg);
    expect(definition.layout.map((field) => field.specName)).toEqual(Object.keys(vector.fields));
    const fields = fieldsOf(definition, vector.fields);
    expect(hex(encodeFrame(definition, fields))).toBe(hex(frame));
    expect(decodePayload(definition, frame.subarray(HEADER_SIZE)).fields).toEqual(fields);
  });
});

describe.each(allMessages)("$protocol $name", (definition) => {
  const layout = definition.layout;

  it("survives a round trip, with and without TLVs", () => {
    fc.assert(
      fc.property(fieldsArbitrary(definition), tlvsArbitrary, (fields, tlvs) => {
        const payload = encodePayload(definition, fields, encodeTlvs(tlvs));
        const decoded = decodePayload(definition, payload);
        expect(decoded.fields).toEqual(fields);
        expect(decodeTlvs(decoded.tlvs, { expected: tlvs.map((tlv) => tlv.extensionType) })).toEqual(tlvs);
      }),
      { numRuns: 50 },
    );
  });

  it("has a payload cap that holds every message without arrays of megabytes", () => {
    const least = layout.reduce((sum, field) => sum + field.type.minSize, 0);
    expect(definition.maxLength).toBeGreaterThan(least + 300);
    expect(definition.maxLength).toBeLessThanOrEqual(0xff_ffff);
  });
});

describe("payload caps", () => {
  const cap = (extensionType: number, msgType: number) => everyMessage.maxLength(extensionType, msgType)!;

  it("are small for what anyone may send before a channel is open, and for shares", () => {
    expect(cap(0, 0x00)).toBeLessThan(2048);
    expect(cap(1, 0x00)).toBeLessThanOrEqual(4096);
    expect(cap(0, 0x10)).toBeLessThan(1024);
    expect(cap(0, 0x13)).toBeLessThan(1024);
    expect(cap(0, 0x1a)).toBeLessThan(640);
    expect(cap(0, 0x1b)).toBeLessThan(640);
  });

  it("are what the field types allow for templates, and a whole frame for a block's transactions", () => {
    expect(cap(0, 0x71)).toBeGreaterThan(0xffff + 255 * 32);
    expect(cap(0, 0x71)).toBeLessThan(200_000);
    expect(cap(0, 0x74)).toBe(0xff_ffff);
  });
});

describe("docs/messages.md", () => {
  it("is what the field tables say (run vitest with -u to renew it)", async () => {
    await expect(messagesMarkdown()).toMatchFileSnapshot("../../../docs/messages.md");
  });
});
