import { encodeTlvs, encodeUserIdentity, extensionsNegotiation, mining } from "@lode/protocol";
import { ScriptedPool } from "@lode/testing/pool";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const WORKER_TRACKING = 0x0002;

/** A miner with a channel whose every hash is a share, with or without extension 0x0002. */
function connect(negotiate = true) {
  const pool = new ScriptedPool({ settings: { extensions: { supported: [WORKER_TRACKING], required: [] } } });
  const miner = pool.connect().setUp();
  if (negotiate) {
    miner.send(extensionsNegotiation.RequestExtensions, {
      requestId: 1,
      requestedExtensions: [WORKER_TRACKING],
    });
    miner.take("RequestExtensionsSuccess");
  }
  miner.openExtended({ nominalHashRate: 0 });
  miner.takeNames();
  let sequenceNumber = 0;
  /** The worker of the recorded share, or the code of its refusal. */
  const submit = (tlvs: Uint8Array) => {
    sequenceNumber++;
    const fields = {
      channelId: 2,
      sequenceNumber,
      jobId: 1,
      nonce: sequenceNumber,
      extranonce: new Uint8Array(16),
    };
    const ntime = pool.clock.now() / 1000;
    miner.send(mining.SubmitSharesExtended, { ...fields, ntime, version: 0x2000_0000 }, tlvs);
    pool.clock.settle();
    const share = pool.shares.at(-1)?.sequenceNumber === sequenceNumber ? pool.shares.at(-1) : undefined;
    return share?.worker ?? miner.take("SubmitSharesError").errorCode;
  };
  return { pool, miner, submit };
}

describe("the worker of a share (extension 0x0002)", () => {
  it("is the one the share names, cleaned", () => {
    const { submit } = connect();
    expect(submit(encodeUserIdentity("rig-7"))).toBe("rig-7");
    expect(submit(encodeUserIdentity("<b>rack 3</b>"))).toBe("_b_rack_3__b_");
  });

  it("is the channel's where the share names none", () => {
    const { submit } = connect();
    const other = encodeTlvs([{ extensionType: 0x0abc, fieldType: 1, value: Uint8Array.of(1) }]);
    expect([submit(new Uint8Array()), submit(encodeUserIdentity("")), submit(other)]).toEqual([
      "rig",
      "rig",
      "rig",
    ]);
  });

  it("is the channel's without negotiation, whatever bytes follow", () => {
    const { submit } = connect(false);
    expect([submit(encodeUserIdentity("rig-7")), submit(Uint8Array.of(1, 2, 3))]).toEqual(["rig", "rig"]);
  });

  it("makes a share refused when it is too long or malformed, and the connection stays", () => {
    const { miner, submit } = connect();
    const value = new Uint8Array(33).fill(0x61);
    const long = encodeTlvs([{ extensionType: WORKER_TRACKING, fieldType: 1, value }]);
    expect(submit(long)).toBe("invalid-extension-fields");
    expect(submit(Uint8Array.of(2, 0, 1, 9, 0, 1))).toBe("invalid-extension-fields");
    expect(submit(encodeUserIdentity("rig-7"))).toBe("rig-7");
    expect(miner.closed).toBeNull();
  });

  it("never keeps a block from being submitted", () => {
    const { pool, miner } = connect();
    pool.jobs.on({ ...pool.jobs.tip, target: (1n << 256n) - 1n });
    const { jobId } = miner.take("NewExtendedMiningJob");
    const share = { channelId: 2, sequenceNumber: 9, jobId, nonce: 9, extranonce: new Uint8Array(16) };
    const ntime = pool.clock.now() / 1000;
    miner.send(
      mining.SubmitSharesExtended,
      { ...share, ntime, version: 0x2000_0000 },
      Uint8Array.of(2, 0, 1),
    );
    expect(miner.take("SubmitSharesError").errorCode).toBe("invalid-extension-fields");
    expect(pool.blocks).toHaveLength(1);
  });

  it("is bounded and printable whatever bytes a share brings, and never changes who is paid", () => {
    const { pool, miner, submit } = connect();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (tlvs) => {
        expect(submit(tlvs)).toMatch(/^[A-Za-z0-9._-]{1,32}$/);
      }),
      { numRuns: 200 },
    );
    expect(new Set(pool.shares.map(({ identity }) => identity.address)).size).toBe(1);
    expect(miner.closed).toBeNull();
  });
});
