import { workOfTarget } from "@lode/bitcoin";
import { describe, expect, it } from "vitest";
import {
  at,
  channelOfZeros,
  nonceWithZeros,
  scriptedJob,
  targetOfZeros,
  tipNamed,
} from "../test/scripted-job.ts";

const NOW = at(5_000_000);
const share = {
  sequenceNumber: 1,
  jobId: 1,
  nonce: nonceWithZeros(12),
  ntime: 5_000,
  version: 0x2000_0000,
  extranonce: new Uint8Array(16),
};

describe("a channel's account", () => {
  it("counts accepted work, refusals by code and blocks, refused ones included", () => {
    const channel = channelOfZeros(12);
    channel.activate(1, scriptedJob(1, tipNamed(1, targetOfZeros(40))), NOW);
    expect(channel.account).toMatchObject({ accepted: 0, work: 0, blocks: 0, lastAcceptedAt: 0 });
    channel.checkShare(share, NOW);
    channel.checkShare({ ...share, nonce: nonceWithZeros(13) }, at(5_001_000));
    channel.checkShare(share, NOW);
    channel.checkShare({ ...share, jobId: 9 }, NOW);
    channel.checkShare({ ...share, jobId: 9 }, NOW);
    channel.checkShare({ ...share, nonce: nonceWithZeros(41), version: 1 }, NOW);
    const { accepted, work, rejected, blocks, lastAcceptedAt } = channel.account;
    expect({ accepted, work, blocks, lastAcceptedAt }).toEqual({
      accepted: 2,
      work: 2 * Number(workOfTarget(targetOfZeros(12))),
      blocks: 1,
      lastAcceptedAt: 5_001_000,
    });
    expect(Object.fromEntries(rejected)).toEqual({
      "duplicate-share": 1,
      "invalid-job-id": 2,
      "invalid-non-rollable-version-bit": 1,
    });
  });
});

describe("the search space of a job", () => {
  it("lasts a standard channel as long as its hash rate takes for 2^48 headers, an extended one for ever", () => {
    const standard = channelOfZeros(12, { kind: "standard", nominalHashrate: 2 ** 48 / 30 });
    expect(standard.searchSpaceMs).toBeCloseTo(30_000, 6);
    expect(channelOfZeros(12, { nominalHashrate: 1e15 }).searchSpaceMs).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("the worker of a share", () => {
  it("is the channel's unless the share names one", () => {
    const channel = channelOfZeros(12);
    channel.activate(1, scriptedJob(1, tipNamed(1, targetOfZeros(40))), NOW);
    const workerOf = (nonce: number, worker?: string) => {
      const verdict = channel.checkShare({ ...share, nonce, worker }, NOW);
      return verdict.accepted ? verdict.share.worker : verdict.code;
    };
    expect([workerOf(nonceWithZeros(12)), workerOf(nonceWithZeros(13), "rig-7")]).toEqual(["rig", "rig-7"]);
  });
});
