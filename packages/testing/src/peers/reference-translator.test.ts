import { common, mining } from "@lode/protocol";
import { describe, expect, it } from "vitest";
import { ReferenceTranslator } from "./reference-translator.ts";
import { NONE, ScriptedServer } from "./scripted-server.ts";

const FAST = 2e12;

/** A translator with two miners: channels 2 and 3 in group 1, or channel 2 alone when aggregated. */
function translator(aggregated = false) {
  const server = new ScriptedServer();
  const peer = new ReferenceTranslator({ ...server.options, aggregated, minHashrate: 0.01e12 });
  const miners = [peer.join("a", FAST), peer.join("b", FAST)];
  server.setUp().openExtended();
  if (!aggregated) server.openExtended({ requestId: 2, channelId: 3 });
  return { server, peer, miners };
}

/** First jobs to each channel's own id, as pools do at the opening. */
function ownJobs(server: ScriptedServer): void {
  for (const channelId of [2, 3]) {
    server.extendedJob(channelId, { channelId }).prevHash(channelId, { channelId, prevHash: TIP });
  }
}

const TIP = new Uint8Array(32).fill(7);

describe("a scripted reference translator", () => {
  it("takes first jobs by the channel and later ones by the group", () => {
    const { server, peer } = translator();
    ownJobs(server);
    expect(server.wait(10_000)).toBeGreaterThan(0);
    server.extendedJob(10, { channelId: 1, minNtime: 1_000 });
    server.extendedJob(11, { channelId: 1 }).prevHash(11, { channelId: 1 });
    server.extendedJob(12, { channelId: 3, minNtime: 1_000 });
    server.extendedJob(13, { channelId: 1 }).prevHash(13, { channelId: 1 });
    expect(server.wait(10_000)).toBeGreaterThan(0);
    expect([peer.left, peer.violations]).toEqual([null, []]);
  });

  it("leaves at a group's SetNewPrevHash for a job that went to the channels", () => {
    const { server, peer } = translator();
    server.extendedJob(5, { channelId: 2 }).extendedJob(5, { channelId: 3 }).prevHash(5, { channelId: 1 });
    expect(peer.left).toBe("group: JobIdNotFound 5");
  });

  it("leaves at a group's SetNewPrevHash for a job that one of its channels came too late for", () => {
    const { server, peer } = translator();
    peer.join("late", FAST);
    server.extendedJob(5, { channelId: 1 }).openExtended({ requestId: 3, channelId: 4 });
    server.prevHash(5, { channelId: 1 });
    expect(peer.left).toBe("channel 4: JobIdNotFound 5");
  });

  it("leaves when a job starts before the tip does", () => {
    const { server, peer } = translator();
    ownJobs(server);
    server.extendedJob(9, { channelId: 1, minNtime: 999 });
    expect(peer.left).toBe("JobMinNtimeBelowChainTip");
  });

  it.each([
    ["OpenMiningChannel.Error", mining.OpenMiningChannelError, { requestId: 3, errorCode: "full" }],
    ["Reconnect, at which the original panics", common.Reconnect, { newHost: "", newPort: 0 }],
  ] as const)("leaves at %s", (_name, definition, fields) => {
    const { server, peer } = translator();
    server.send(definition, fields as never);
    expect(peer.left).not.toBeNull();
  });

  it("leaves when version rolling is forbidden, a target cannot be met or an id is taken", () => {
    const forbidding = translator();
    forbidding.server.extendedJob(1, { versionRollingAllowed: false });
    expect(forbidding.peer.left).toBe("VersionRollingNotAllowed");
    const impossible = translator();
    impossible.server.target(new Uint8Array(32));
    expect(impossible.peer.left).toBe("InvalidTarget");
    const taken = translator();
    taken.peer.join("third", FAST);
    taken.server.openExtended({ requestId: 3, channelId: 3 });
    expect(taken.peer.left).toBe("ChannelIdAlreadyInUse: 3 in 1");
    const uneven = translator();
    uneven.peer.join("third", FAST);
    uneven.server.openExtended({ requestId: 3, channelId: 4, extranonceSize: 8 });
    expect(uneven.peer.left).toBe("FullExtranonceSizeMismatch");
  });

  it("drops the miner of a channel that the pool closes, and all of them with the group", () => {
    const one = translator();
    one.server.send(mining.CloseChannel, { channelId: 3, reasonCode: "" });
    expect([one.peer.dropped, one.peer.channelCount, one.peer.left]).toEqual([1, 1, null]);
    const all = translator();
    all.server.send(mining.CloseChannel, { channelId: 1, reasonCode: "" });
    expect([all.peer.dropped, all.peer.channelCount, all.peer.left]).toEqual([2, 0, null]);
    const { server, peer } = translator(true);
    server.send(mining.CloseChannel, { channelId: 2, reasonCode: "" });
    expect(peer.left).toBe("AggregatedChannelClosed");
  });

  it("binds a target to the jobs that come after it and to those that wait", () => {
    const { server, peer } = translator();
    ownJobs(server);
    server.target(NONE, 2);
    expect(server.wait(10_000)).toBeGreaterThan(0);
    const channels = new Set<number>();
    server.extendedJob(10, { channelId: 1 }).prevHash(10, { channelId: 1 });
    const before = server.inbox.length;
    server.wait(10_000);
    for (const message of server.inbox.slice(before)) {
      if (message.name === "SubmitSharesExtended") channels.add(message.fields.channelId);
    }
    expect([...channels]).toEqual([3]);
    expect(peer.kept.get("difficulty-too-low")).toBeGreaterThan(0);
  });

  it("takes jobs of an aggregated channel by its own id and by the group's, mixed", () => {
    const { server, peer } = translator(true);
    server.extendedJob(1).prevHash(1);
    server.extendedJob(2, { channelId: 1, minNtime: 1_000 });
    server.extendedJob(3).prevHash(3, { channelId: 1 });
    expect(server.wait(10_000)).toBeGreaterThan(0);
    expect([peer.left, peer.violations]).toEqual([null, []]);
  });

  it("puts what the pool grants beyond its wish in front of what its miners roll", () => {
    const { server, peer, miners } = translator(true);
    server.extendedJob(1).prevHash(1);
    server.wait(20_000);
    const suffixes = new Set<string>();
    for (const message of server.inbox) {
      if (message.name !== "SubmitSharesExtended") continue;
      const { extranonce } = message.fields;
      expect(extranonce.length).toBe(16);
      suffixes.add(Buffer.from(extranonce.subarray(0, 12)).toString("hex"));
    }
    expect(suffixes.size).toBe(miners.length);
    expect(peer.violations).toEqual([]);
  });

  it("complains of words for channels that are none", () => {
    const { server, peer } = translator();
    server.extendedJob(1, { channelId: 77 }).target(NONE, 78);
    expect(peer.violations).toEqual([
      "NewExtendedMiningJob for channel 77, which is none of its",
      "SetTarget for channel 78, which is none of its",
    ]);
  });
});
