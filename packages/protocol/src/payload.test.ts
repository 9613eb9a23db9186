import { describe, expect, it } from "vitest";
import { common, decodePayload, encodeFrame, messageTable, mining, parseFrameHeader } from "./index.ts";

describe("payload", () => {
  it("smoke", () => {
    const t = messageTable({ ...common, ...mining });
    const frame = encodeFrame(mining.SubmitSharesSuccess, {
      channelId: 2,
      lastSequenceNumber: 7,
      newSubmitsAcceptedCount: 3,
      newSharesSum: 5n,
    });
    const header = parseFrameHeader(frame);
    const d = t.decode(header, frame.subarray(6));
    if (d?.name !== "SubmitSharesSuccess") throw new Error("x");
    const s: bigint = d.fields.newSharesSum;
    expect(s).toBe(5n);
    const x = decodePayload(mining.SubmitSharesSuccess, frame.subarray(6)).fields;
    const y: mining.SubmitSharesSuccess = x;
    expect(y.channelId).toBe(2);
  });
});
