import { HEADER_SIZE, mining, writeFrameHeader } from "@lode/protocol";
import { describe, expect, it } from "vitest";
import { Bitaxe, type BitaxeOptions } from "./bitaxe.ts";
import { BraiinsOs } from "./braiins-os.ts";
import { NerdQAxe, type NerdQAxeOptions } from "./nerdqaxe.ts";
import { ANY, NONE, ScriptedServer } from "./scripted-server.ts";

const FAST = 10e12;

/** A bitaxe whose channel is open and has no job yet. */
function bitaxe(options: Partial<BitaxeOptions> = {}, target: Uint8Array = ANY) {
  const server = new ScriptedServer();
  const peer = new Bitaxe({ ...server.options, kind: "extended", hashrate: FAST, ...options });
  server.setUp();
  if (peer.seen.size > 0 && options.kind === "standard") server.openStandard({ target });
  else server.openExtended({ target });
  return { server, peer };
}

describe("a scripted bitaxe", () => {
  it("says 1 TH/s and reads nothing but Success after it", () => {
    const server = new ScriptedServer();
    const peer = new Bitaxe({ ...server.options, kind: "extended", hashrate: FAST });
    server.setUp();
    expect(server.inbox[1]).toMatchObject({
      name: "OpenExtendedMiningChannel",
      fields: { requestId: 1, nominalHashRate: Math.fround(1e12 / 2 ** 34), minExtranonceSize: 2 },
    });
    server.extendedJob(1);
    expect(peer.left).toBe(
      "OpenChannel rejected: NewExtendedMiningJob, expected OpenExtendedMiningChannelSuccess",
    );
  });

  it("mines what SetNewPrevHash names and nothing before", () => {
    const { server, peer } = bitaxe();
    server.extendedJob(1);
    expect(server.wait(5_000)).toBe(0);
    server.prevHash(1);
    expect(server.wait(5_000)).toBeGreaterThan(0);
    expect(peer.violations).toEqual([]);
  });

  it("starts nothing for a job it does not know", () => {
    const { server, peer } = bitaxe();
    server.prevHash(9);
    expect(server.wait(5_000)).toBe(0);
    expect(peer.violations).toEqual(["SetNewPrevHash names job 9, which does not wait: nothing is started"]);
  });

  it("loses a job whose id has the same place in its ring of eight", () => {
    const { server, peer } = bitaxe();
    server.extendedJob(3).extendedJob(11);
    expect(peer.violations).toEqual(["pending job 3 was overwritten by 11: the ring has 8 slots"]);
  });

  it("starts everything that waits at its first SetNewPrevHash", () => {
    const { server, peer } = bitaxe();
    server.extendedJob(1).extendedJob(2).prevHash(1);
    server.wait(100);
    expect(peer.violations).toEqual(["job 2 waits beside 1 at the first SetNewPrevHash"]);
    expect(peer.jobId).toBe(2);
  });

  it("heeds a target with the next job only", () => {
    const { server } = bitaxe({}, NONE);
    server.extendedJob(1).prevHash(1).target(ANY);
    // The job left the queue after the target came.
    expect(server.wait(5_000)).toBeGreaterThan(0);
    server.target(NONE);
    expect(server.wait(5_000)).toBeGreaterThan(0);
    server.extendedJob(2, { minNtime: 1_000 });
    expect(server.wait(5_000)).toBe(0);
  });

  it("cannot tell jobs of the other kind from its own", () => {
    const { server, peer } = bitaxe({ kind: "standard" });
    server.extendedJob(1);
    expect(peer.violations).toEqual(["a job of the other kind (extended) is read as the wrong type"]);
  });

  it("feeds a standard job once: the search space ends", () => {
    const { server, peer } = bitaxe({ kind: "standard" }, NONE);
    server.standardJob(1).prevHash(1);
    // 2^48 hashes are 28 seconds for 10 TH/s.
    server.wait(27_000);
    expect(peer.violations).toEqual([]);
    server.wait(3_000);
    expect(peer.violations).toEqual(["the search space of job 1 is used up"]);
  });

  it.each([
    ["2.15", 8192],
    ["2.14", 2048],
  ] as const)("of version %s has room for %i bytes and no more", (firmware, limit) => {
    const { server, peer } = bitaxe({ firmware });
    server.sendFrame(unknownFrame(limit));
    expect(peer.left).toBeNull();
    server.sendFrame(unknownFrame(limit + 1));
    expect(peer.left).toBe(`payload too large: ${limit + 1} > ${limit}`);
  });

  it("drops jobs with more than 20 merkle branches", () => {
    const { server, peer } = bitaxe();
    server.extendedJob(1, { merklePath: Array.from({ length: 21 }, () => new Uint8Array(32)) });
    expect(peer.violations).toEqual(["job 1 has 21 merkle branches and is dropped"]);
  });

  it("leaves after three minutes of silence", () => {
    const { server, peer } = bitaxe();
    server.wait(179_000);
    expect(peer.left).toBeNull();
    server.wait(2_000);
    expect(peer.left).toBe("silence");
  });

  it("ignores SetExtranoncePrefix, CloseChannel and Reconnect", () => {
    const { server, peer } = bitaxe();
    server.extendedJob(1).prevHash(1);
    server.send(mining.SetExtranoncePrefix, { channelId: 2, extranoncePrefix: new Uint8Array(4) });
    server.send(mining.CloseChannel, { channelId: 2, reasonCode: "" });
    expect(server.wait(5_000)).toBeGreaterThan(0);
    expect([peer.left, peer.violations]).toEqual([null, []]);
  });

  it("notices answers that do not fit what it sent", () => {
    const { server, peer } = bitaxe();
    server.extendedJob(1).prevHash(1);
    const sent = server.wait(5_000);
    const answer = {
      channelId: 2,
      lastSequenceNumber: sent - 1,
      newSubmitsAcceptedCount: 1,
      newSharesSum: 0n,
    };
    server.send(mining.SubmitSharesSuccess, answer);
    server.send(mining.SubmitSharesError, { channelId: 2, sequenceNumber: 0, errorCode: "stale-share" });
    expect(peer.violations).toEqual([
      `SubmitShares.Success counts 1 shares, ${sent} were open`,
      "SubmitShares.Error names share 0, which is not open",
    ]);
  });

  it("excuses a stale share only after a tip of its own", () => {
    const { server, peer } = bitaxe();
    server.extendedJob(1).prevHash(1);
    server.wait(5_000);
    server.send(mining.SubmitSharesError, { channelId: 2, sequenceNumber: 0, errorCode: "stale-share" });
    server.extendedJob(2).prevHash(2);
    server.send(mining.SubmitSharesError, { channelId: 2, sequenceNumber: 1, errorCode: "stale-share" });
    expect(peer.shares).toMatchObject({ refused: 1, overtaken: 1 });
    expect(() => peer.judge()).toThrow("refused: stale-share x 1");
  });
});

describe("a scripted NerdQAxe", () => {
  function nerd(options: Partial<NerdQAxeOptions> = {}, target: Uint8Array = ANY) {
    const server = new ScriptedServer();
    const peer = new NerdQAxe({ ...server.options, hashrate: FAST, ...options });
    server.setUp().openExtended({ target });
    return { server, peer };
  }

  it("heeds a target on the job at hand", () => {
    const { server } = nerd();
    server.extendedJob(1).prevHash(1);
    expect(server.wait(5_000)).toBeGreaterThan(0);
    server.target(NONE);
    expect(server.wait(5_000)).toBe(0);
  });

  it.each([
    ["2026-06", 2048],
    ["2026-09", 16_384],
  ] as const)("of %s has room for %i bytes and no more", (firmware, limit) => {
    const { server, peer } = nerd({ firmware });
    server.sendFrame(unknownFrame(limit)).sendFrame(unknownFrame(limit + 1));
    expect(peer.left).toBe(`payload too large: ${limit + 1} > ${limit}`);
  });

  it("asks for six bytes of extranonce", () => {
    const { server, peer } = nerd();
    expect(server.inbox[1]).toMatchObject({ fields: { minExtranonceSize: 6 } });
    expect(peer.violations).toEqual([]);
  });
});

describe("a scripted BraiinsOS", () => {
  function braiins(target: Uint8Array = ANY) {
    const server = new ScriptedServer();
    const peer = new BraiinsOs({ ...server.options, hashrate: FAST });
    server.setUp().openStandard({ target });
    return { server, peer };
  }

  it("drops a job without the channel bit", () => {
    const { server, peer } = braiins();
    server.standardJob(1).prevHash(1);
    expect(server.wait(5_000)).toBeGreaterThan(0);
    const frame = new Uint8Array(HEADER_SIZE + 45);
    writeFrameHeader(frame, { extensionType: 0, channelMsg: false, msgType: 0x15, length: 45 });
    server.sendFrame(frame);
    expect(peer.violations).toEqual(["unknown message 0x15 with channel_msg 0: dropped"]);
  });

  it("stops at a SetNewPrevHash for a job it does not have", () => {
    const { server, peer } = braiins();
    server.standardJob(1).prevHash(2);
    expect(peer.left).toBe("requested job id 2 not found");
  });

  it("has one ntime for a tip and one target for the next job", () => {
    const { server, peer } = braiins(NONE);
    server.standardJob(1).prevHash(1).target(ANY);
    expect(server.wait(5_000)).toBe(0);
    server.standardJob(2, { minNtime: 1_000 });
    expect(server.wait(5_000)).toBeGreaterThan(0);
    server.standardJob(3, { minNtime: 1_001 });
    expect(server.wait(5_000)).toBeGreaterThan(0);
    expect(peer.violations).toEqual([]);
  });

  it("leaves after 150 seconds of silence", () => {
    const { server, peer } = braiins();
    server.wait(152_000);
    expect(peer.left).toBe("silence");
  });
});

/** A frame that firmware only logs, with a payload of `length` bytes. */
function unknownFrame(length: number): Uint8Array {
  const frame = new Uint8Array(HEADER_SIZE + length);
  const { msgType } = mining.SetGroupChannel;
  writeFrameHeader(frame, { extensionType: 0, channelMsg: false, msgType, length });
  // group_channel_id, then a list that fills the rest
  new DataView(frame.buffer).setUint16(HEADER_SIZE + 4, Math.floor((length - 6) / 4), true);
  return frame;
}
