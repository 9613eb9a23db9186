import { maxTarget, sha256d } from "@lode/bitcoin";
import { noMetrics, silentLogger } from "@lode/ports";
import type { VirtualClock } from "@lode/testing/clock";
import { ScriptedPool } from "@lode/testing/pool";
import type { FrameConnection } from "@lode/transport";
import { describe, expect, it } from "vitest";
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
    pool.jobs.nextTip(maxTarget);
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
      i % 3 === 0 ? pool.jobs.nextTip() : pool.jobs.next();
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
    pool.server.closeAll("shutting-down");
    pool.clock.settle();
    expect(log).toContain(`not opened ${refused} unknown-user`);
    expect(log.slice(-2)).toEqual(["update 2 invalid-nominal-hashrate", "end peer-closed"]);
  });
});
