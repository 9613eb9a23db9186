import { type common, MiningFlags, MiningSuccessFlags } from "@lode/protocol";
import { ScriptedPool } from "@lode/testing/pool";
import fc from "fast-check";
import { expect, it } from "vitest";

const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const text = fc.string({ maxLength: 40, unit: "binary" });

/** Any SetupConnection that can be written, the usual ones often enough. */
const setups: fc.Arbitrary<common.SetupConnection> = fc.record({
  protocol: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 255 })),
  minVersion: fc.oneof(fc.constant(2), u16),
  maxVersion: fc.oneof(fc.constant(2), u16),
  flags: fc.oneof(fc.integer({ min: 0, max: 15 }), u32),
  endpointHost: text,
  endpointPort: u16,
  vendor: text,
  hardwareVersion: text,
  firmware: text,
  deviceId: text,
});

const SUPPORTED =
  MiningFlags.requiresStandardJobs | MiningFlags.requiresWorkSelection | MiningFlags.requiresVersionRolling;

const pool = new ScriptedPool();
const otherPool = new ScriptedPool();

/** What a server answers to a new connection. */
function answerTo(fields: Partial<common.SetupConnection>, server = pool) {
  const miner = server.connect().setup(fields);
  const answers = miner.takeAll();
  expect(answers).toHaveLength(1);
  return { answer: answers[0]!, closed: miner.closed };
}

it("every SetupConnection gets exactly one answer, whatever it says", () => {
  fc.assert(
    fc.property(setups, (fields) => {
      const { answer, closed } = answerTo(fields);
      const { protocol, minVersion, maxVersion, flags } = fields;
      const good = protocol === 0 && minVersion <= 2 && maxVersion >= 2 && (flags & ~SUPPORTED) === 0;
      expect(answer.name).toBe(good ? "SetupConnectionSuccess" : "SetupConnectionError");
      expect(closed).toBe(good ? null : "peer-closed");
    }),
    { numRuns: 300 },
  );
});

it("refused flags are named in full, and every server refuses the same ones", () => {
  fc.assert(
    fc.property(u32, (flags) => {
      const answers = [answerTo({ flags }), answerTo({ flags }), answerTo({ flags }, otherPool)];
      const unsupported = (flags & ~SUPPORTED) >>> 0;
      if (unsupported === 0) return;
      for (const { answer } of answers) {
        expect(answer.fields).toEqual({ flags: unsupported, errorCode: "unsupported-feature-flags" });
      }
    }),
    { numRuns: 100 },
  );
});

it("no answer says that the version is fixed, or refuses standard channels to who did not declare own work", () => {
  for (let flags = 0; flags <= SUPPORTED; flags++) {
    const { answer } = answerTo({ flags });
    const selects = (flags & MiningFlags.requiresWorkSelection) !== 0;
    const expected = selects ? MiningSuccessFlags.requiresExtendedChannels : 0;
    expect(answer.fields).toEqual({ usedVersion: 2, flags: expected });
    expect(expected & 1).toBe(0); // REQUIRES_FIXED_VERSION
  }
});
