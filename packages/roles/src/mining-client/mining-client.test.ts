import { maxTarget, sha256d } from "@lode/bitcoin";
import { noMetrics, silentLogger } from "@lode/ports";
import { encodeFrame, type Fields, type MessageDefinition, messageTable, mining } from "@lode/protocol";
import { ScriptedPool, VirtualClock } from "@lode/testing";
import { type FrameConnection, memoryPair } from "@lode/transport";
import { describe, expect, it } from "vitest";
import { noExtensions } from "../setup/extension-negotiation.ts";
import { readerCounters } from "../setup/frame-reader.ts";
import { ServerSetup, setupDefinitions } from "../setup/server-setup.ts";
import type { ClientChannel } from "./client-channel.ts";
import { headerOf } from "./client-job.ts";
import type { MiningClientListener } from "./listener.ts";
import { MiningClient } from "./mining-client.ts";

const USER = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080.rig";

function clientOn(connection: FrameConnection, clock: VirtualClock, extra: MiningClientListener = {}) {
  const log: string[] = [];
  const channels: ClientChannel[] = [];
  const listener: MiningClientListener = {
    onSetup: ({ flags }) => void log.push(`setup ${flags}`),
    onRefused: (reason, code) => void log.push(`refused ${reason} ${code}`),
    onOpened: (channel, requestId) => {
      channels.push(channel);
      log.push(`opened ${channel.id} for ${requestId}`);
    },
    onOpenRefused: (requestId, code) => void log.push(`not opened ${requestId} ${code}`),
    onJob: (channel, job, newTip) =>
      void log.push(`job ${channel.id}/${job.jobId}${newTip ? " new tip" : ""}`),
    onTarget: (channel) => void log.push(`target ${channel.id}`),
    onAccepted: (channel, answer) =>
      void log.push(`accepted ${channel.id} ${answer.newSubmitsAcceptedCount}`),
    onRejected: (channel, answer) => void log.push(`rejected ${channel.id} ${answer.errorCode}`),
    onUpdateRefused: (channel, code) => void log.push(`update ${channel.id} ${code}`),
    onChannelClosed: (channel, reason) => void log.push(`closed ${channel.id} ${reason}`),
    onViolation: (violation, message, id) => void log.push(`violation ${violation} ${message} ${id}`),
    onClose: (reason) => void log.push(`end ${reason}`),
    ...extra,
  };
  const request = { flags: 0, vendor: "lode-test" };
  const deps = { clock, logger: silentLogger, metrics: noMetrics };
  return { client: new MiningClient(connection, request, listener, deps), log, channels };
}

/** A client of a whole mining server. */
function onPool() {
  const pool = new ScriptedPool();
  const parts = clientOn(pool.wire().client, pool.clock);
  pool.clock.settle();
  return { pool, ...parts };
}

/** A client of a server that sends what the test says, its setup done. */
function onScript() {
  const clock = new VirtualClock();
  const [server, connection] = memoryPair(clock);
  new ServerSetup(
    server,
    {
      protocol: 0,
      supportedFlags: 7,
      successFlags: () => 0,
      extensions: noExtensions,
      deadlineMs: 10_000,
      decoder: messageTable(setupDefinitions),
      open: () => ({ onMessage() {}, onClose() {} }),
      onAbandoned() {},
    },
    { clock, logger: silentLogger, counters: readerCounters(noMetrics, "script") },
  );
  const parts = clientOn(connection, clock);
  clock.settle();
  const send = <D extends MessageDefinition>(definition: D, fields: Fields<D>) => {
    server.send(encodeFrame(definition, fields));
    clock.settle();
  };
  const open = (channelId: number, kind: "standard" | "extended") => {
    const target = new Uint8Array(32).fill(0xee);
    const fields = { requestId: channelId, channelId, target, groupChannelId: 1 };
    const prefix = new Uint8Array(kind === "standard" ? 20 : 4).fill(channelId);
    if (kind === "standard")
      send(mining.OpenStandardMiningChannelSuccess, { ...fields, extranoncePrefix: prefix });
    else
      send(mining.OpenExtendedMiningChannelSuccess, {
        ...fields,
        extranoncePrefix: prefix,
        extranonceSize: 16,
      });
    parts.log.length = 0;
    return parts.client.channels.get(channelId)!;
  };
  return { send, open, ...parts };
}

describe("a mining client of Lode's own server", () => {
  it("opens both kinds of channels and has a job on each", () => {
    const { pool, client, log, channels } = onPool();
    const first = client.open({ userIdentity: USER, nominalHashRate: 0 });
    const second = client.open({ userIdentity: USER, nominalHashRate: 0, minExtranonceSize: 8 });
    pool.clock.settle();
    expect(log).toEqual([
      "setup 0",
      `opened 2 for ${first}`,
      "job 2/1 new tip",
      `opened 3 for ${second}`,
      "job 3/2 new tip",
    ]);
    expect(
      channels.map(({ kind, extranonceSize, userIdentity }) => [kind, extranonceSize, userIdentity]),
    ).toEqual([
      ["standard", 0, USER],
      ["extended", 16, USER],
    ]);
  });

  it("hashes the very header that the server checks, on either kind of channel", () => {
    const { pool, client, channels } = onPool();
    client.open({ userIdentity: USER, nominalHashRate: 0 });
    client.open({ userIdentity: USER, nominalHashRate: 0, minExtranonceSize: 8 });
    pool.clock.settle();
    pool.server.publish(pool.jobs.nextTip(maxTarget));
    pool.clock.settle();
    const headers = channels.map((channel) => {
      const job = channel.job!;
      const extranonce = new Uint8Array(channel.extranonceSize).fill(0x5a);
      const attempt = {
        jobId: job.jobId,
        version: job.version ^ 0x20,
        ntime: job.minNtime + 1,
        nonce: 0xdeadbeef,
      };
      client.submit(channel, channel.kind === "standard" ? attempt : { ...attempt, extranonce });
      return headerOf(job, { ...attempt, extranonce });
    });
    pool.clock.settle();
    expect(pool.blocks.map(({ header }) => header)).toEqual(headers);
    expect(pool.blocks.map(({ hash }) => hash)).toEqual(headers.map((header) => sha256d(header)));
  });

  it("numbers its shares and hears what became of them", () => {
    const { pool, client, log, channels } = onPool();
    client.open({ userIdentity: USER, nominalHashRate: 0 });
    pool.clock.settle();
    log.length = 0;
    const channel = channels[0]!;
    const { jobId, version, minNtime: ntime } = channel.job!;
    const numbers = [0, 1, 1].map((nonce) => client.submit(channel, { jobId, version, ntime, nonce }));
    pool.acknowledge();
    pool.clock.settle();
    expect(numbers).toEqual([0, 1, 2]);
    expect(log).toEqual(["rejected 2 duplicate-share", "accepted 2 2"]);
  });

  it("follows tips, jobs and targets without ever seeing a rule broken", () => {
    const { pool, client, log, channels } = onPool();
    client.open({ userIdentity: USER, nominalHashRate: 1e12, minExtranonceSize: 8 });
    client.open({ userIdentity: USER, nominalHashRate: 1e9 });
    for (let i = 0; i < 20; i++) {
      pool.clock.advance(17_000);
      pool.server.publish(i % 3 === 0 ? pool.jobs.nextTip() : pool.jobs.next());
      pool.clock.settle();
      for (const channel of channels) {
        expect(channel.job).toMatchObject({
          prevHash: pool.jobs.tip.prevHash,
          minNtime: pool.jobs.tip.headerTimestamp,
        });
        expect(channel.job!.target).toEqual(channel.target);
      }
    }
    expect(log.filter((line) => line.startsWith("violation"))).toEqual([]);
    expect(log.filter((line) => line.startsWith("target")).length).toBeGreaterThan(0);
  });

  it("is told when a channel is refused, an update is wrong, and when the connection ends", () => {
    const { pool, client, log, channels } = onPool();
    const refused = client.open({ userIdentity: "nobody", nominalHashRate: 0 });
    client.open({ userIdentity: USER, nominalHashRate: 0 });
    pool.clock.settle();
    client.update(channels[0]!, -1);
    pool.clock.settle();
    client.closeChannel(channels[0]!);
    client.closeChannel(channels[0]!);
    pool.clock.settle();
    expect([client.channels.size, pool.server.stats().channels]).toEqual([0, 0]);
    pool.server.closeAll("maintenance");
    pool.clock.settle();
    expect(log).toContain(`not opened ${refused} unknown-user`);
    expect(log.slice(-2)).toEqual(["update 2 invalid-nominal-hashrate", "end peer-closed"]);
  });
});

describe("a mining client of any server", () => {
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
    const { send, open, log, client } = onScript();
    for (const id of [2, 3, 4]) open(id, "extended");
    send(mining.CloseChannel, { channelId: 3, reasonCode: "moved" });
    send(mining.CloseChannel, { channelId: 1, reasonCode: "all" });
    expect(log).toEqual(["closed 3 moved", "closed 2 all", "closed 4 all"]);
    expect(client.channels.size).toBe(0);
  });
});
