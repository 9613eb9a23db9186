import { encodePayload, extensionsNegotiation, type MessageDefinition, mining } from "@lode/protocol";
import { type ScriptedMiner, ScriptedPool } from "@lode/testing/pool";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const definitions: MessageDefinition[] = [
  mining.OpenStandardMiningChannel,
  mining.OpenExtendedMiningChannel,
  mining.UpdateChannel,
  mining.CloseChannel,
  mining.SubmitSharesStandard,
  mining.SubmitSharesExtended,
  mining.SetCustomMiningJob,
  extensionsNegotiation.RequestExtensions,
];

const bytes = fc.uint8Array({ maxLength: 200 });
const smallId = fc.oneof(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 0xffff_ffff }));
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const user = fc.oneof(
  fc.constant("bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080.x"),
  fc.string({ maxLength: 60 }),
);
const target = fc.oneof(
  fc.constant(new Uint8Array(32).fill(0xff)),
  fc.uint8Array({ minLength: 32, maxLength: 32 }),
);
const rate = fc.float();

/** What a peer does: a frame of any type with any payload, or a message that is well formed and means anything. */
const action = fc.oneof(
  fc.record({
    extensionType: fc.oneof(fc.constant(0), fc.constant(1), fc.integer({ min: 0, max: 0x7fff })),
    msgType: fc.oneof(fc.integer({ min: 0, max: 0x30 }), fc.integer({ min: 0, max: 255 })),
    payload: bytes,
  }),
  wellFormed(mining.OpenExtendedMiningChannel, {
    requestId: u32,
    userIdentity: user,
    nominalHashRate: rate,
    maxTarget: target,
    minExtranonceSize: fc.integer({ min: 0, max: 20 }),
  }),
  wellFormed(mining.OpenStandardMiningChannel, {
    requestId: u32,
    userIdentity: user,
    nominalHashRate: rate,
    maxTarget: target,
  }),
  wellFormed(mining.UpdateChannel, { channelId: smallId, nominalHashRate: rate, maximumTarget: target }),
  wellFormed(mining.CloseChannel, { channelId: smallId, reasonCode: fc.string({ maxLength: 40 }) }),
  wellFormed(mining.SubmitSharesExtended, {
    channelId: smallId,
    sequenceNumber: u32,
    jobId: smallId,
    nonce: u32,
    ntime: u32,
    version: u32,
    extranonce: fc.uint8Array({ maxLength: 32 }),
  }),
  wellFormed(extensionsNegotiation.RequestExtensions, {
    requestId: fc.integer({ min: 0, max: 0xffff }),
    requestedExtensions: fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 5 }),
  }),
);

function wellFormed(definition: MessageDefinition, fields: Record<string, fc.Arbitrary<unknown>>) {
  return fc.record(fields).map((values) => ({
    extensionType: definition.extensionType,
    msgType: definition.msgType,
    payload: encodePayload(definition, values as never),
  }));
}

const truncated = definitions.map((definition) => [definition.specName, definition] as const);

describe("a hostile peer", () => {
  it("never causes an exception and never touches another connection, in whatever state it is", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(0, 1, 2, 4),
        fc.array(action, { maxLength: 25 }),
        fc.boolean(),
        (flags, actions, setUp) => {
          const pool = new ScriptedPool();
          const honest = pool.connect().setUp();
          honest.openExtended({ nominalHashRate: 0 });
          honest.takeNames();
          const hostile = pool.connect();
          if (setUp) hostile.setUp(flags);
          for (const { extensionType, msgType, payload } of actions) {
            hostile.sendFrame({ extensionType, channelMsg: false, msgType }, payload);
          }
          pool.clock.advance(100);
          pool.jobs.nextTip();
          pool.acknowledge();
          pool.clock.advance(20_000);
          expect(pool.count("lode_session_exceptions_total{role=mining-server}")).toBe(0);
          expect(pool.complaints.filter((line) => !line.startsWith("malformed message"))).toEqual([]);
          expect(honest.takeNames().slice(0, 2)).toEqual(["NewExtendedMiningJob", "SetNewPrevHash"]);
          expect(honest.closed).toBeNull();
          if (!setUp) expect(hostile.closed).not.toBeNull();
        },
      ),
      { numRuns: 150 },
    );
  });

  it.each(truncated)("that cuts %s short is closed with protocol-error", (_name, definition) => {
    const pool = new ScriptedPool();
    const hostile = pool.connect().setUp();
    hostile.sendPayload(definition, Uint8Array.of(1));
    expect([hostile.takeNames(), hostile.closed]).toEqual([[], "peer-closed"]);
    expect(pool.count("lode_messages_malformed_total{role=mining-server}")).toBe(1);
  });

  it("that opens and closes channels without end uses no more than one channel's search space at a time", () => {
    const pool = new ScriptedPool();
    const hostile = pool.connect().setUp();
    for (let i = 0; i < 3_000; i++) {
      open(hostile);
      hostile.send(mining.CloseChannel, { channelId: i + 2, reasonCode: "" });
      if (i % 100 === 0) hostile.takeNames();
    }
    hostile.takeNames();
    expect(pool.jobs.extranonces.allocated).toBeLessThanOrEqual(1_000);
    expect(pool.server.stats().channels).toBe(0);
  });
});

function open(miner: ScriptedMiner): void {
  miner.send(mining.OpenStandardMiningChannel, {
    requestId: 1,
    userIdentity: "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
    nominalHashRate: 1e12,
    maxTarget: new Uint8Array(32).fill(0xff),
  });
}
