import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fieldArbitrary } from "./arbitraries.ts";
import { Reader, Writer } from "./cursor.ts";
import * as types from "./field-types.ts";
import {
  common,
  type DecodeError,
  decodePayload,
  type EncodeError,
  encodePayload,
  extensionsNegotiation,
  type FieldType,
  mining,
  templateDistribution,
} from "./index.ts";

const named = [{ specName: "value" }];

function encode<T>(type: FieldType<T>, value: T): number[] {
  const writer = new Writer(named);
  writer.bytes = new Uint8Array(type.size(writer, value));
  type.write(writer, value);
  expect(writer.offset).toBe(writer.bytes.length);
  return [...writer.bytes];
}

function decode<T>(type: FieldType<T>, ...bytes: number[]): T {
  return type.read(new Reader(Uint8Array.from(bytes), named));
}

/** The data of the error `run` throws. */
function failure(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return (error as DecodeError | EncodeError).type;
  }
  throw new Error("nothing was thrown");
}

describe("data types", () => {
  it("write integers little-endian", () => {
    expect(encode(types.u8, 0xab)).toEqual([0xab]);
    expect(encode(types.u16, 0x1234)).toEqual([0x34, 0x12]);
    expect(encode(types.u32, 0xfedcba98)).toEqual([0x98, 0xba, 0xdc, 0xfe]);
    expect(encode(types.u64, 0x0102030405060708n)).toEqual([8, 7, 6, 5, 4, 3, 2, 1]);
    expect(encode(types.f32, 1)).toEqual([0, 0, 0x80, 0x3f]);
  });

  it("read U32 with the highest bit as a positive number", () => {
    expect(decode(types.u32, 0xff, 0xff, 0xff, 0xff)).toBe(0xffffffff);
  });

  it("use only the lowest bit of a BOOL and write the others as zero (SV2 3.1)", () => {
    for (let byte = 0; byte < 256; byte++) expect(decode(types.bool, byte)).toBe(byte % 2 === 1);
    expect(encode(types.bool, true)).toEqual([1]);
    expect(encode(types.bool, false)).toEqual([0]);
  });

  it("keep NaN and the infinities of F32 for the receiver to judge", () => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0]) {
      expect(decode(types.f32, ...encode(types.f32, value))).toBe(value);
    }
  });

  it("refuse a B0_32 of 33 bytes, which its length prefix could announce", () => {
    expect(failure(() => decode(types.b0_32, 33, ...new Array(33).fill(0)))).toEqual({
      code: "too-long",
      offset: 0,
      field: "value",
      length: 33,
      maximum: 32,
    });
    expect(decode(types.b0_32, 32, ...new Array(32).fill(7))).toHaveLength(32);
  });

  it("refuse an OPTION of two elements", () => {
    expect(decode(types.option(types.u8), 0)).toBeNull();
    expect(decode(types.option(types.u8), 1, 9)).toBe(9);
    expect(failure(() => decode(types.option(types.u8), 2, 9, 9))).toEqual({
      code: "invalid-option",
      offset: 0,
      field: "value",
      count: 2,
    });
  });

  it("use a two-byte count for SEQ0_64K and three bytes of length for B0_16M", () => {
    expect(encode(types.seq0_64k(types.u8), [1, 2])).toEqual([2, 0, 1, 2]);
    expect(encode(types.b0_16m, Uint8Array.of(9))).toEqual([1, 0, 0, 9]);
  });

  it("replace bytes that are no UTF-8, and keep a byte order mark", () => {
    expect(decode(types.str0_255, 3, 0x61, 0xff, 0x62)).toBe("a\ufffdb");
    expect(decode(types.str0_255, 3, 0xef, 0xbb, 0xbf)).toBe("\ufeff");
    expect(encode(types.str0_255, "\ud800")).toEqual([3, 0xef, 0xbf, 0xbd]);
  });

  it("limit strings by their bytes, not by their characters", () => {
    expect(encode(types.str0_255, "é".repeat(127))).toHaveLength(255);
    expect(failure(() => encode(types.str0_255, "é".repeat(128)))).toMatchObject({
      code: "too-long",
      length: 256,
      maximum: 255,
    });
  });

  it("hold their longest values", () => {
    for (const [type, size] of [
      [types.b0_255, 255],
      [types.b0_64k, 0xffff],
      [types.b0_16m, 0xff_ffff],
    ] as const) {
      const bytes = encode(type, new Uint8Array(size));
      expect(bytes).toHaveLength(type.maxSize);
      expect(failure(() => encode(type, new Uint8Array(size + 1)))).toMatchObject({ code: "too-long" });
    }
  });
});

describe("encoding", () => {
  const refused: [string, FieldType, unknown[]][] = [
    ["U8", types.u8, [-1, 256, 1.5, Number.NaN, Number.POSITIVE_INFINITY]],
    ["U16", types.u16, [-1, 0x1_0000, 0.1]],
    ["U32", types.u32, [-1, 2 ** 32, 1.5, Number.NaN]],
    ["U64", types.u64, [-1n, 2n ** 64n]],
    ["F32", types.f32, [1e39, -1e39]],
  ];
  it.each(refused)("refuses numbers outside of %s", (_name, type, values) => {
    for (const value of values) {
      expect(failure(() => encode(type, value))).toEqual({
        code: "out-of-range",
        field: "value",
        value: String(value),
      });
    }
  });

  it("refuses values of another type, and missing ones, by name", () => {
    const all = [
      types.bool,
      types.u8,
      types.u32,
      types.u64,
      types.f32,
      types.u256,
      types.b0_32,
      types.str0_255,
      types.option(types.u32),
      types.seq0_255(types.u256),
    ];
    for (const type of all as FieldType[]) {
      for (const value of [undefined, {}, type.kind === "string" ? 5 : "5"]) {
        expect(failure(() => encode(type, value))).toMatchObject({ code: "wrong-type", field: "value" });
      }
    }
  });

  it("refuses a U256 of another size", () => {
    expect(failure(() => encode(types.u256, new Uint8Array(31)))).toEqual({
      code: "wrong-length",
      field: "value",
      length: 31,
      expected: 32,
    });
  });

  it("names the element of a sequence", () => {
    const values = [new Uint8Array(32), new Uint8Array(33)];
    expect(failure(() => encode(types.seq0_255(types.u256), values))).toMatchObject({ field: "value[1]" });
  });

  it("checks the U32 fields of a message, which take the short way", () => {
    const fields = { channelId: 1, maximumTarget: new Uint8Array(32) };
    for (const channelId of [-1, 2 ** 32, 0.5, undefined]) {
      const broken = { ...fields, channelId } as typeof fields;
      expect(failure(() => encodePayload(mining.SetTarget, broken))).toMatchObject({ field: "channel_id" });
    }
  });

  it("refuses a message that no frame can carry", () => {
    const tx = new Uint8Array(0x80_0000);
    const fields = { templateId: 1n, excessData: new Uint8Array(0), transactionList: [tx, tx] };
    expect(
      failure(() => encodePayload(templateDistribution.RequestTransactionDataSuccess, fields)),
    ).toMatchObject({ code: "too-long", field: "payload", maximum: 0xff_ffff });
  });
});

describe("decoding", () => {
  it("says which field ends too early, and where", () => {
    const payload = encodePayload(common.SetupConnectionError, { flags: 1, errorCode: "abc" });
    expect(failure(() => decodePayload(common.SetupConnectionError, payload.subarray(0, 6)))).toEqual({
      code: "truncated",
      offset: 5,
      field: "error_code",
      needed: 3,
      available: 1,
    });
  });

  it("refuses a count the input cannot hold before it reads an element", () => {
    const { NewTemplate, RequestTransactionDataSuccess } = templateDistribution;
    const many = encodePayload(RequestTransactionDataSuccess, {
      templateId: 1n,
      excessData: new Uint8Array(0),
      transactionList: [],
    });
    many.fill(0xff, many.length - 2);
    expect(failure(() => decodePayload(RequestTransactionDataSuccess, many))).toEqual({
      code: "truncated",
      offset: 12,
      field: "transaction_list",
      needed: 0xffff * 3,
      available: 0,
    });
    const path = new Uint8Array(41);
    path[40] = 255;
    expect(failure(() => decodePayload(NewTemplate, path))).toMatchObject({
      field: "merkle_path",
      needed: 255 * 32,
    });
  });

  it("names the element that ends too early", () => {
    const payload = Uint8Array.from([...new Array(8).fill(0), 0, 0, 2, 0, 1, 0, 0, 7, 9, 0, 0]);
    expect(
      failure(() => decodePayload(templateDistribution.RequestTransactionDataSuccess, payload)),
    ).toMatchObject({ code: "truncated", field: "transaction_list[1]", needed: 9, available: 0 });
  });

  it("names a field behind a sequence without an index", () => {
    const payload = Uint8Array.of(1, 0, 1, 0, 2, 0, 1, 0);
    const run = () => decodePayload(extensionsNegotiation.RequestExtensionsError, payload);
    expect(failure(run)).toMatchObject({ code: "truncated", field: "required_extensions", offset: 8 });
    const fields = { requestId: 1, unsupportedExtensions: [2], requiredExtensions: 3 as unknown as number[] };
    expect(failure(() => encodePayload(extensionsNegotiation.RequestExtensionsError, fields))).toMatchObject({
      code: "wrong-type",
      field: "required_extensions",
    });
  });

  it("returns views of the payload, plain arrays even for a Buffer", () => {
    const fields = { channelId: 1, sequenceNumber: 2, jobId: 3, nonce: 4, ntime: 5, version: 6 };
    const extranonce = Uint8Array.of(1, 2, 3);
    const payload = Buffer.from(encodePayload(mining.SubmitSharesExtended, { ...fields, extranonce }));
    const decoded = decodePayload(mining.SubmitSharesExtended, payload);
    expect(decoded.fields.extranonce.constructor).toBe(Uint8Array);
    payload[25] = 99;
    expect(decoded.fields.extranonce).toEqual(Uint8Array.of(99, 2, 3));
  });

  it("hands over what follows the last field", () => {
    const payload = encodePayload(common.ChannelEndpointChanged, { channelId: 7 }, Uint8Array.of(1, 2, 3));
    expect(decodePayload(common.ChannelEndpointChanged, payload)).toEqual({
      fields: { channelId: 7 },
      tlvs: Uint8Array.of(1, 2, 3),
    });
  });
});

describe("generated values", () => {
  it("take exactly the bytes they are measured at", () => {
    const all = [
      types.u64,
      types.str0_255,
      types.b0_64k,
      types.option(types.u32),
      types.seq0_255(types.u256),
    ];
    for (const type of all as FieldType[]) {
      fc.assert(
        fc.property(fieldArbitrary(type), (value) => {
          expect(decode(type, ...encode(type, value))).toEqual(value);
        }),
        { numRuns: 30 },
      );
    }
  });
});
