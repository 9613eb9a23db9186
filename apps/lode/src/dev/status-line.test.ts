import { describe, expect, it } from "vitest";
import { duration, hashrate, showStatus, statusLine } from "./status-line.ts";

const status = {
  uptimeSeconds: 3725.9,
  connections: 1,
  channels: 1,
  acceptedShares: 134,
  recordedShares: 134,
  rejectedShares: 2,
  blocksAccepted: 9,
  height: 118,
  hashrate: 19_812,
};

describe("the status line", () => {
  it("tells what a person wants to know at a glance", () => {
    expect(statusLine(status)).toBe(
      "up 1:02:05  height 118  shares 134 accepted / 2 rejected  19.8 kH/s  blocks 9  miners 1",
    );
  });

  it("is rewritten in place on a terminal and is a plain line elsewhere", () => {
    const written: string[] = [];
    showStatus({ isTerminal: true, write: (text) => written.push(text) }, status);
    showStatus({ isTerminal: false, write: (text) => written.push(text) }, status);
    expect(written[0]).toBe(`\r\u001b[2K${statusLine(status)}`);
    expect(written[1]).toBe(`${statusLine(status)}\n`);
  });

  it.each([
    [0, "00:00"],
    [59.9, "00:59"],
    [60, "01:00"],
    [36_000, "10:00:00"],
  ])("shows %d s as %s", (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });

  it.each([
    [0, "0 H/s"],
    [999.4, "999 H/s"],
    [999.6, "1 kH/s"],
    [123_456, "123 kH/s"],
    [6.5e17, "650 PH/s"],
    [1e30, "1000000000 ZH/s"],
  ])("shows %d as %s", (rate, text) => {
    expect(hashrate(rate)).toBe(text);
  });
});
