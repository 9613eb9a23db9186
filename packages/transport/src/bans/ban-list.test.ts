import { type Metrics, noMetrics, silentLogger } from "@lode/ports";
import { VirtualClock } from "@lode/testing/clock";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { subnetOfAddress } from "../address/address.ts";
import { BanList, type BanListOptions, type BanSettings, defaultBanSettings } from "./ban-list.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

function setUp(options: Partial<BanListOptions> = {}) {
  const clock = new VirtualClock();
  const counts = new Map<string, number>();
  const metrics: Metrics = {
    ...noMetrics,
    counter(name, _help, labels = {}) {
      const key = `${name} ${labels["reason"] ?? ""}`.trim();
      return { inc: () => counts.set(key, (counts.get(key) ?? 0) + 1) };
    },
  };
  const warn = vi.fn();
  const bans = new BanList({
    clock,
    metrics,
    logger: { ...silentLogger, warn },
    reasons: ["protocol-error", "forged-header"],
    ...options,
  });
  const strike = (address: string, times: number, proven = false): void => {
    for (let i = 0; i < times; i++) bans.ended(address, "protocol-error", proven);
  };
  /** Strikes that count even where miners work. */
  const strikeSlowly = (address: string, times: number): void => {
    for (let i = 0; i < times; i++) {
      clock.advance(defaultBanSettings.strikeEveryMs);
      strike(address, 1);
    }
  };
  clock.advance(options.settings?.graceMs ?? defaultBanSettings.graceMs);
  return { bans, clock, counts, strike, strikeSlowly, warn };
}

describe("a ban list", () => {
  it("bans a subnet at the fifth strike, for a minute", () => {
    const { bans, clock, strike, counts, warn } = setUp();
    strike("192.0.2.1", 4);
    expect(bans.admit("192.0.2.1")).toBeNull();
    strike("192.0.2.1", 1);
    expect([bans.admit("192.0.2.1"), bans.inForce]).toEqual(["banned", 1]);
    expect(bans.admit("192.0.2.2")).toBeNull();
    expect(warn.mock.calls).toEqual([
      [{ subnet: "192.0.2.1", reason: "protocol-error", strikes: 5, seconds: 60 }, "subnet banned"],
    ]);
    clock.advance(MINUTE);
    expect([bans.admit("192.0.2.1"), bans.inForce]).toEqual([null, 0]);
    expect(counts.get("lode_bans_total")).toBe(1);
    expect(counts.get("lode_ban_strikes_total protocol-error")).toBe(5);
  });

  it("takes only the listed reasons for strikes", () => {
    const { bans, counts } = setUp();
    const harmless = [
      "peer-closed",
      "connection-reset",
      "setup-timeout",
      "write-stalled",
      "draining",
      "frame-timeout",
    ];
    for (let i = 0; i < 100; i++) for (const reason of harmless) bans.ended("192.0.2.1", reason, false);
    expect([bans.admit("192.0.2.1"), counts.size]).toEqual([null, 0]);
  });

  it("forgets strikes that are too far apart", () => {
    const { bans, clock, strike } = setUp();
    for (let i = 0; i < 50; i++) {
      strike("192.0.2.1", 4);
      clock.advance(10 * MINUTE);
    }
    expect(bans.admit("192.0.2.1")).toBeNull();
  });

  it("bans twice as long each time, up to an hour, and forgives after a quiet one", () => {
    const { bans, clock, strike, warn } = setUp();
    for (let round = 0; round < 8; round++) {
      strike("192.0.2.1", 5);
      clock.advance(HOUR);
    }
    const lengths = () => warn.mock.calls.map(([fields]) => (fields as { seconds: number }).seconds / 60);
    expect(lengths()).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
    expect(bans.admit("192.0.2.1")).toBeNull();
    clock.advance(HOUR);
    strike("192.0.2.1", 5);
    expect(lengths().at(-1)).toBe(1);
  });

  it("does not ban a farm for one bad machine, however often it comes back", () => {
    const { bans, clock, strike } = setUp();
    for (let machine = 0; machine < 24; machine++) bans.proven("192.0.2.1");
    for (let second = 0; second < 3_600; second++) {
      strike("192.0.2.1", 1);
      clock.advance(1_000);
    }
    expect(bans.admit("192.0.2.1")).toBeNull();
  });

  it("bans a subnet with few miners after as many times the strikes, never for longer than the first time", () => {
    const { bans, strikeSlowly, warn } = setUp();
    for (let machine = 0; machine < 3; machine++) bans.proven("192.0.2.1");
    strikeSlowly("192.0.2.1", 19);
    expect(bans.admit("192.0.2.1")).toBeNull();
    strikeSlowly("192.0.2.1", 1);
    expect(bans.admit("192.0.2.1")).toBe("banned");
    strikeSlowly("192.0.2.1", 40);
    expect(warn.mock.calls.map(([fields]) => (fields as { seconds: number }).seconds)).toEqual([60, 60]);
  });

  it("bans nobody right after the start, when nobody has proven anything", () => {
    const { bans, clock, strike } = setUp({ settings: { graceMs: 0 } });
    const young = new BanList({
      clock,
      metrics: noMetrics,
      logger: silentLogger,
      reasons: ["protocol-error"],
    });
    for (let second = 0; second < 119; second++) {
      young.ended("192.0.2.1", "protocol-error", false);
      clock.advance(1_000);
    }
    expect(young.admit("192.0.2.1")).toBeNull();
    clock.advance(1_000);
    young.ended("192.0.2.1", "protocol-error", false);
    expect(young.admit("192.0.2.1")).toBe("banned");
    strike("192.0.2.2", 5);
    expect(bans.admit("192.0.2.2")).toBe("banned");
  });

  it("loses its patience with the connections that earned it", () => {
    const { bans, strike, strikeSlowly } = setUp();
    bans.proven("192.0.2.1");
    bans.proven("192.0.2.1");
    strikeSlowly("192.0.2.1", 5);
    expect(bans.admit("192.0.2.1")).toBeNull();
    bans.ended("192.0.2.1", "peer-closed", true);
    strike("192.0.2.1", 1, true);
    expect(bans.admit("192.0.2.1")).toBe("banned");
  });

  it("counts subnets, and lets exempt addresses in even out of a banned one", () => {
    const { bans, strike, counts } = setUp({
      settings: { subnetBits: { ipv4: 24, ipv6: 56 } },
      exemptFrom: ["192.0.2.128/25"],
    });
    strike("192.0.2.200", 50);
    expect([bans.admit("192.0.2.1"), counts.size]).toEqual([null, 0]);
    strike("192.0.2.1", 3);
    strike("192.0.2.2", 2);
    expect(bans.admit("192.0.2.99")).toBe("banned");
    expect(bans.admit("192.0.2.200")).toBeNull();
    strike("2001:db8:0:1::1", 5);
    expect(bans.admit("2001:db8:0:ff::9")).toBe("banned");
    expect(bans.admit("2001:db8:0:100::9")).toBeNull();
  });

  it("remembers a bounded number of subnets, and strikes of strangers do not lift a ban", () => {
    const { bans, clock, strike } = setUp({ settings: { entries: 100 } });
    strike("203.0.113.1", 5);
    for (let i = 0; i < 10_000; i++) strike(`10.0.${i >> 8}.${i & 255}`, 4);
    expect(bans.admit("203.0.113.1")).toBe("banned");
    strike("10.0.0.0", 1); // forgotten: this is its first again
    expect(bans.admit("10.0.0.0")).toBeNull();
    for (let i = 0; i < 1_000; i++) strike(`10.1.${i >> 8}.${i & 255}`, 5);
    expect(bans.inForce).toBeLessThanOrEqual(100);
    expect(bans.inForce).toBeGreaterThan(95);
    clock.advance(HOUR);
    expect(bans.inForce).toBe(0);
  });

  it("does what a plain record of everything that happened says", () => {
    const settings: BanSettings = {
      ...defaultBanSettings,
      strikes: 3,
      windowMs: 100,
      firstMs: 10,
      longestMs: 35,
      forgiveMs: 60,
      graceMs: 0,
      strikeEveryMs: 5,
    };
    const address = fc.constantFrom("192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2", "10.0.0.1");
    const event = fc.oneof(
      fc.record({
        kind: fc.constant("ended" as const),
        address,
        reason: fc.constantFrom("protocol-error", "peer-closed"),
        proven: fc.boolean(),
      }),
      fc.record({ kind: fc.constant("proven" as const), address }),
      fc.record({ kind: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 70 }) }),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 120 }), (events) => {
        const { bans, clock } = setUp({ settings, exemptFrom: ["10.0.0.0/8"] });
        const model = new Map<
          string,
          {
            window: number;
            strikes: number;
            struckAt: number;
            bans: { at: number; lasts: number }[];
            proven: number;
          }
        >();
        const of = (where: string) => {
          const subnet = subnetOfAddress(where, settings.subnetBits);
          const entry = model.get(subnet) ?? {
            window: Number.NEGATIVE_INFINITY,
            strikes: 0,
            struckAt: Number.NEGATIVE_INFINITY,
            bans: [],
            proven: 0,
          };
          model.set(subnet, entry);
          return entry;
        };
        for (const step of events) {
          const now = clock.monotonic();
          if (step.kind === "wait") {
            clock.advance(step.ms);
          } else if (step.kind === "proven") {
            bans.proven(step.address);
            of(step.address).proven += 1;
          } else {
            const entry = of(step.address);
            const proven = step.proven && entry.proven > 0;
            bans.ended(step.address, step.reason, proven);
            if (proven) entry.proven -= 1;
            const last = entry.bans.at(-1);
            const banned = last !== undefined && now < last.at + last.lasts;
            const over = now - entry.window >= settings.windowMs;
            const tooSoon = !over && entry.proven > 0 && now - entry.struckAt < settings.strikeEveryMs;
            const counts = step.reason === "protocol-error" && step.address !== "10.0.0.1";
            if (counts && !banned && !tooSoon) {
              if (over) Object.assign(entry, { window: now, strikes: 0 });
              entry.strikes += 1;
              entry.struckAt = now;
              if (entry.strikes >= settings.strikes * (1 + entry.proven)) {
                const fresh = last === undefined || now >= last.at + last.lasts + settings.forgiveMs;
                const first = fresh || entry.proven > 0;
                const lasts = first ? settings.firstMs : Math.min(settings.longestMs, last.lasts * 2);
                entry.bans.push({ at: now, lasts });
                Object.assign(entry, { window: Number.NEGATIVE_INFINITY, strikes: 0 });
              }
            }
          }
          const at = clock.monotonic();
          for (const where of ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2", "10.0.0.1"]) {
            const last = of(where).bans.at(-1);
            expect(bans.admit(where)).toBe(last !== undefined && at < last.at + last.lasts ? "banned" : null);
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});
