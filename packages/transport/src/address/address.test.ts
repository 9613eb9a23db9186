import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { defaultSubnetBits, formatIpv6, plainAddress, subnetOfAddress } from "./address.ts";

const group = fc.integer({ min: 0, max: 0xffff });
const ipv6 = fc.array(group, { minLength: 8, maxLength: 8 });

describe("addresses", () => {
  it.each([
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["::FFFF:192.0.2.1", "192.0.2.1"],
    ["192.0.2.1", "192.0.2.1"],
    ["2001:db8::1", "2001:db8::1"],
    ["::ffff:1", "::ffff:1"],
  ])("are written plainly: %s", (address, plain) => {
    expect(plainAddress(address)).toBe(plain);
  });

  it.each([
    ["192.0.2.1", "192.0.2.1"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:db8:1:2::", "2001:db8:1:2::/64"],
    ["2001:0db8:0001:0002::9", "2001:db8:1:2::/64"],
    ["2001:db8::1", "2001:db8::/64"],
    ["::1", "::/64"],
    ["::", "::/64"],
    ["fe80::1%eth0", "fe80::/64"],
    ["64:ff9b::192.0.2.33", "64:ff9b::/64"],
    ["1:2:3:4:5:6:192.0.2.33", "1:2:3:4::/64"],
    ["not an address", "not an address"],
  ])("are counted together by customer: %s", (address, subnet) => {
    expect(subnetOfAddress(address, defaultSubnetBits)).toBe(subnet);
  });

  it.each([
    ["192.0.2.129", 24, "192.0.2.0/24"],
    ["192.0.2.129", 25, "192.0.2.128/25"],
    ["192.0.2.129", 1, "128.0.0.0/1"],
    ["2001:db8:1:2ff::1", 56, "2001:db8:1:200::/56"],
    ["2001:db8:ffff::1", 48, "2001:db8:ffff::/48"],
    ["2001:db8::1:2", 128, "2001:db8:0:0:0:0:1:2/128"],
    ["1:2:3:4:5:6:192.0.2.33", 112, "1:2:3:4:5:6:c000:0/112"],
  ])("are counted by prefixes of other lengths: %s/%i", (address, bits, subnet) => {
    expect(subnetOfAddress(address, { ipv4: bits, ipv6: bits })).toBe(subnet);
  });

  it("share a subnet exactly when their first bits are equal", () => {
    fc.assert(
      fc.property(
        ipv6,
        ipv6,
        fc.integer({ min: 0, max: 128 }),
        fc.integer({ min: 1, max: 128 }),
        (a, b, same, bits) => {
          const first = (groups: readonly number[], count: number): string =>
            groups
              .map((value) => value.toString(2).padStart(16, "0"))
              .join("")
              .slice(0, count);
          const mixed = first(a, same) + first(b, 128).slice(same);
          const other = Array.from({ length: 8 }, (_, i) =>
            Number.parseInt(mixed.slice(i * 16, i * 16 + 16), 2),
          );
          const subnets = [a, other].map((groups) =>
            subnetOfAddress(formatIpv6(groups), { ipv4: 32, ipv6: bits }),
          );
          expect(subnets[0] === subnets[1]).toBe(first(a, bits) === first(other, bits));
        },
      ),
      { numRuns: 200 },
    );
  });
});
