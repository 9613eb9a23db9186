import { describe, expect, expectTypeOf, it } from "vitest";
import {
  common,
  decodePayload,
  encodePayload,
  messageTable,
  mining,
  type templateDistribution,
} from "./index.ts";

const table = messageTable({ ...common, ...mining });

describe("message table", () => {
  it("finds messages by extension and message type", () => {
    expect(table.lookup(0, 0x1b)).toBe(mining.SubmitSharesExtended);
    expect(table.lookup(0, 0x71)).toBeUndefined();
    expect(table.lookup(1, 0x00)).toBeUndefined();
    expect(table.maxLength(0, 0x1b)).toBe(mining.SubmitSharesExtended.maxLength);
    expect(table.maxLength(0, 0xff)).toBeUndefined();
  });

  it("decodes to a union told apart by name", () => {
    const payload = encodePayload(common.Reconnect, { newHost: "pool.test", newPort: 1 });
    const decoded = table.decode({ extensionType: 0, msgType: 0x04 }, payload);
    expect(decoded).toEqual({
      name: "Reconnect",
      fields: { newHost: "pool.test", newPort: 1 },
      tlvs: new Uint8Array(0),
    });
    if (decoded?.name === "Reconnect") {
      expectTypeOf(decoded.fields).toEqualTypeOf<{ newHost: string; newPort: number }>();
    }
    if (decoded?.name === "SubmitSharesSuccess") {
      expectTypeOf(decoded.fields.newSharesSum).toEqualTypeOf<bigint>();
    }
  });

  it("decodes nothing it does not know (SV2 3.4.1)", () => {
    expect(table.decode({ extensionType: 0, msgType: 0xff }, new Uint8Array(4))).toBeUndefined();
    expect(table.decode({ extensionType: 5, msgType: 0x1b }, new Uint8Array(4))).toBeUndefined();
  });

  it("refuses two definitions of one message type", () => {
    expect(() => messageTable({ a: common.Reconnect, b: common.Reconnect })).toThrow(TypeError);
  });
});

describe("types of messages", () => {
  it("follow from the field tables", () => {
    expectTypeOf<mining.NewMiningJob>().toEqualTypeOf<{
      channelId: number;
      jobId: number;
      minNtime: number | null;
      version: number;
      merkleRoot: Uint8Array;
    }>();
    expectTypeOf<templateDistribution.NewTemplate["merklePath"]>().toEqualTypeOf<readonly Uint8Array[]>();
    expectTypeOf(mining.SubmitSharesSuccess.name).toEqualTypeOf<"SubmitSharesSuccess">();
    const decoded = decodePayload(common.SetupConnectionSuccess, new Uint8Array(6));
    expectTypeOf(decoded.fields).toEqualTypeOf<common.SetupConnectionSuccess>();
    expect(decoded.fields).toEqual({ usedVersion: 0, flags: 0 });
  });
});
