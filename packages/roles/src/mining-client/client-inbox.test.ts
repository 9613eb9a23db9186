import { sha256d } from "@lode/bitcoin";
import { encodePayload, type Fields, type MessageDefinition, mining } from "@lode/protocol";
import { describe, expect, it } from "vitest";
import { ClientInbox } from "./client-inbox.ts";
import { type MiningServerMessage, miningServerMessages } from "./server-messages.ts";

/** What a client makes of the messages a test sends it; their bytes are overwritten afterwards, as a transport's are. */
function onScript() {
  const log: string[] = [];
  const inbox = new ClientInbox({
    onJob: (channel, job, newTip) =>
      void log.push(`job ${channel.id}/${job.jobId}${newTip ? " new tip" : ""}`),
    onTarget: (channel) => void log.push(`target ${channel.id}`),
    onChannelClosed: (channel, reason) => void log.push(`closed ${channel.id} ${reason}`),
    onViolation: (violation, message, id) => void log.push(`violation ${violation} ${message} ${id}`),
  });
  const send = <D extends MessageDefinition>(definition: D, fields: Fields<D>) => {
    const payload = encodePayload(definition, fields);
    inbox.onMessage(miningServerMessages.decode(definition, payload) as MiningServerMessage);
    payload.fill(0xdb);
  };
  const open = (channelId: number, kind: "standard" | "extended") => {
    const target = new Uint8Array(32).fill(0xee);
    const extranoncePrefix = new Uint8Array(kind === "standard" ? 20 : 4).fill(channelId);
    const fields = { requestId: channelId, channelId, target, groupChannelId: 1, extranoncePrefix };
    if (kind === "standard") send(mining.OpenStandardMiningChannelSuccess, fields);
    else send(mining.OpenExtendedMiningChannelSuccess, { ...fields, extranonceSize: 16 });
    return inbox.channels.get(channelId)!;
  };
  return { send, open, log, channels: inbox.channels };
}

describe("the inbox of a mining client", () => {
  const job = { version: 0x2000_0000, versionRollingAllowed: true, merklePath: [] };
  const coinbase = { coinbaseTxPrefix: Uint8Array.of(1, 2), coinbaseTxSuffix: Uint8Array.of(3) };
  const prevHash = new Uint8Array(32).fill(0xcc);
  const tip = { prevHash, minNtime: 1_000, nbits: 0x1703_4219 };

  it("takes a group's job and prevhash for every member, completing it for standard channels", () => {
    const { send, open, log } = onScript();
    const standard = open(2, "standard");
    const extended = open(3, "extended");
    send(mining.NewExtendedMiningJob, { channelId: 1, jobId: 9, minNtime: null, ...job, ...coinbase });
    send(mining.SetNewPrevHash, { channelId: 1, jobId: 9, ...tip });
    expect(log).toEqual(["job 2/9 new tip", "job 3/9 new tip"]);
    const transaction = Uint8Array.of(1, 2, ...new Uint8Array(20).fill(2), 3);
    expect(standard.job!.work).toEqual({ kind: "standard", merkleRoot: sha256d(transaction) });
    expect(extended.job!.work).toMatchObject({
      kind: "extended",
      extranoncePrefix: new Uint8Array(4).fill(3),
    });
  });

  it("moves channels to the group that SetGroupChannel names", () => {
    const { send, open, log } = onScript();
    open(2, "extended");
    open(3, "extended");
    send(mining.SetGroupChannel, { groupChannelId: 50, channelIds: [3, 77] });
    send(mining.NewExtendedMiningJob, { channelId: 50, jobId: 9, minNtime: null, ...job, ...coinbase });
    send(mining.SetNewPrevHash, { channelId: 50, jobId: 9, ...tip });
    send(mining.SetTarget, { channelId: 1, maximumTarget: new Uint8Array(32) });
    expect(log).toEqual(["job 3/9 new tip", "target 2"]);
  });

  it("keeps a job's target and prefix although the channel gets others (SV2 5.3.10, 5.3.21)", () => {
    const { send, open } = onScript();
    const channel = open(2, "extended");
    send(mining.NewExtendedMiningJob, { channelId: 2, jobId: 1, minNtime: null, ...job, ...coinbase });
    send(mining.SetTarget, { channelId: 2, maximumTarget: new Uint8Array(32).fill(0x11) });
    send(mining.SetExtranoncePrefix, { channelId: 2, extranoncePrefix: Uint8Array.of(9, 9, 9, 9) });
    send(mining.SetNewPrevHash, { channelId: 2, jobId: 1, ...tip });
    send(mining.SetTarget, { channelId: 2, maximumTarget: new Uint8Array(32).fill(0x22) });
    expect(channel.job!.target).toEqual(new Uint8Array(32).fill(0x11));
    expect(channel.job!.work).toMatchObject({ extranoncePrefix: new Uint8Array(4).fill(2) });
    send(mining.NewExtendedMiningJob, { channelId: 2, jobId: 2, minNtime: 1_000, ...job, ...coinbase });
    expect(channel.job!.target).toEqual(new Uint8Array(32).fill(0x22));
    expect(channel.job!.work).toMatchObject({ extranoncePrefix: Uint8Array.of(9, 9, 9, 9) });
  });

  it("reports what breaks a rule, and leaves its job alone", () => {
    const { send, open, log } = onScript();
    const standard = open(2, "standard");
    const merkleRoot = new Uint8Array(32);
    send(mining.NewMiningJob, { channelId: 2, jobId: 1, minNtime: 1_000, version: 1, merkleRoot });
    send(mining.SetNewPrevHash, { channelId: 2, jobId: 1, ...tip });
    send(mining.NewMiningJob, { channelId: 2, jobId: 2, minNtime: null, version: 1, merkleRoot });
    send(mining.SetNewPrevHash, { channelId: 2, jobId: 2, ...tip });
    send(mining.NewMiningJob, { channelId: 2, jobId: 3, minNtime: 999, version: 1, merkleRoot });
    send(mining.NewExtendedMiningJob, { channelId: 2, jobId: 4, minNtime: 1_000, ...job, ...coinbase });
    send(mining.SetTarget, { channelId: 5, maximumTarget: merkleRoot });
    expect(log).toEqual([
      "violation job-before-prev-hash NewMiningJob 2",
      "violation unknown-future-job SetNewPrevHash 2",
      "job 2/2 new tip",
      "violation min-ntime-decreased NewMiningJob 2",
      "violation wrong-kind-of-job NewExtendedMiningJob 2",
      "violation unknown-channel SetTarget 5",
    ]);
    expect(standard.job!.jobId).toBe(2);
  });

  it("forgets all other jobs when one is activated (SV2 5.3.17)", () => {
    const { send, open, log } = onScript();
    open(2, "standard");
    const merkleRoot = new Uint8Array(32);
    for (const jobId of [1, 2]) {
      send(mining.NewMiningJob, { channelId: 2, jobId, minNtime: null, version: 1, merkleRoot });
    }
    send(mining.SetNewPrevHash, { channelId: 2, jobId: 2, ...tip });
    send(mining.SetNewPrevHash, { channelId: 2, jobId: 1, ...tip });
    expect(log).toEqual(["job 2/2 new tip", "violation unknown-future-job SetNewPrevHash 2"]);
  });

  it("remembers no more than sixteen future jobs, the newest", () => {
    const { send, open, log } = onScript();
    open(2, "standard");
    const merkleRoot = new Uint8Array(32);
    for (let jobId = 1; jobId <= 17; jobId++) {
      send(mining.NewMiningJob, { channelId: 2, jobId, minNtime: null, version: 1, merkleRoot });
    }
    send(mining.SetNewPrevHash, { channelId: 2, jobId: 1, ...tip });
    send(mining.SetNewPrevHash, { channelId: 2, jobId: 17, ...tip });
    expect(log).toEqual(["violation unknown-future-job SetNewPrevHash 2", "job 2/17 new tip"]);
  });

  it("drops a channel, or a group's, that the server closes", () => {
    const { send, open, log, channels } = onScript();
    for (const id of [2, 3, 4]) open(id, "extended");
    send(mining.CloseChannel, { channelId: 3, reasonCode: "moved" });
    send(mining.CloseChannel, { channelId: 1, reasonCode: "all" });
    expect(log).toEqual(["closed 3 moved", "closed 2 all", "closed 4 all"]);
    expect(channels.size).toBe(0);
  });
});
