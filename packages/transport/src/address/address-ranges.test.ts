import { describe, expect, it } from "vitest";
import { AddressRanges } from "./address-ranges.ts";

describe("address ranges", () => {
  it.each([
    ["10.0.0.0/8", "10.255.0.1", true],
    ["10.0.0.0/8", "11.0.0.1", false],
    ["10.1.2.3/8", "10.9.9.9", true], // host bits do not count
    ["10.0.0.0/8", "::ffff:10.0.0.1", true],
    ["::ffff:10.0.0.0/104", "10.1.1.1", true],
    ["::ffff:10.0.0.0/104", "11.1.1.1", false],
    ["192.0.2.7", "192.0.2.7", true],
    ["192.0.2.7", "192.0.2.8", false],
    ["2001:db8::/32", "2001:db8:1::1", true],
    ["2001:db8::/32", "2001:db9::1", false],
    ["fe80::/10", "fe80::1%eth0", true],
    ["0.0.0.0/0", "203.0.113.9", true],
    ["0.0.0.0/0", "2001:db8::1", false],
    ["::/0", "2001:db8::1", true],
    ["10.0.0.0/8", "unknown", false],
  ])("%s: is %s in it? %s", (range, address, inside) => {
    expect(new AddressRanges([range]).contains(address)).toBe(inside);
  });

  it("are none when nothing is listed", () => {
    const none = new AddressRanges([]);
    expect([none.size, none.contains("10.0.0.1")]).toEqual([0, false]);
  });

  it.each([
    "",
    "10.0.0.0/33",
    "10.0.0/8",
    "10.0.0.0/",
    "10.0.0.0/-1",
    "10.0.0.0/8/8",
    "::/129",
    "fe80::1%eth0",
    "::ffff:10.0.0.0/95",
    "localhost",
    "10.0.0.0/1e1",
  ])("must be readable: %j", (entry) => {
    expect(() => new AddressRanges(["192.0.2.1", entry])).toThrow(
      expect.objectContaining({ type: { code: "invalid-address-range", entry } }),
    );
  });
});
