import { maxTarget, targetFromHashrate, targetToBytes, workOfTarget } from "@lode/bitcoin";
import { describe, expect, it } from "vitest";
import {
  at,
  channelOfZeros,
  nonceWithZeros,
  scriptedJob,
  targetOfZeros,
  tipNamed,
} from "../test/scripted-job.ts";
import {
  Channel,
  ChannelError,
  defaultChannelSettings,
  JobError,
  MAX_FUTURE_NTIME,
  type ShareSubmission,
  type ShareVerdict,
} from "./index.ts";
import { targetForHashrate } from "./target-policy.ts";

const SHARE = 12;
const BLOCK = 40;
const NOW = at(5_000_000);
const NOW_SECONDS = 5_000;
const tipA = tipNamed(0xa, targetOfZeros(BLOCK));
const tipB = tipNamed(0xb, targetOfZeros(BLOCK), 2_000);

/** A submission with nothing wrong: a share of job 1 at tip A. */
function share(overrides: Partial<ShareSubmission> = {}): ShareSubmission {
  return {
    sequenceNumber: 1,
    jobId: 1,
    nonce: nonceWithZeros(SHARE),
    ntime: NOW_SECONDS,
    version: 0x2000_0000,
    extranonce: new Uint8Array(16),
    ...overrides,
  };
}

/** The target at six shares a minute, without limits. */
const targetFor = (hashrate: number) =>
  targetForHashrate(hashrate, { sharesPerMinute: 6, easiestTarget: maxTarget, maxTarget });

/** `accepted`, or the code; with `+block` when a block is to be submitted. */
function outcome(verdict: ShareVerdict): string {
  return (verdict.accepted ? "accepted" : verdict.code) + (verdict.block === undefined ? "" : "+block");
}

function channelWithJob() {
  const channel = channelOfZeros(SHARE);
  channel.activate(1, scriptedJob(1, tipA), NOW);
  return channel;
}

/** Job 2 at tip B makes job 1 stale. */
function channelWithStaleJob() {
  const channel = channelWithJob();
  channel.activate(2, scriptedJob(2, tipB), NOW);
  return channel;
}

describe("a share", () => {
  it("is worth the work of its job's target, whatever its hash", () => {
    const channel = channelWithJob();
    const first = channel.checkShare(share({ sequenceNumber: 5 }), NOW);
    const better = channel.checkShare(share({ nonce: nonceWithZeros(SHARE + 9) }), NOW);
    if (!first.accepted || !better.accepted) throw new Error("refused");
    expect(first.share).toMatchObject({
      connectionId: 7,
      channelId: 2,
      sequenceNumber: 5,
      blockHash: null,
      work: workOfTarget(targetOfZeros(SHARE)),
      receivedAt: NOW.wall,
    });
    expect(first.share.identity).toBe(channel.identity);
    expect(better.share.work).toBe(first.share.work);
  });

  // Each row breaks one rule and, where it can, every rule after it too: the first one named decides.
  it.each<[string, string, Partial<ShareSubmission>, "current" | "stale"]>([
    ["invalid-job-id", "job", { jobId: 9, extranonce: null, version: 0, ntime: 0, nonce: 0 }, "current"],
    [
      "bad-extranonce-size",
      "size",
      { extranonce: new Uint8Array(15), version: 0, ntime: 0, nonce: 0 },
      "stale",
    ],
    ["bad-extranonce-size", "standard share", { extranonce: null, version: 0, ntime: 0, nonce: 0 }, "stale"],
    ["stale-share", "tip", { version: 0, ntime: 0, nonce: 0 }, "stale"],
    ["invalid-non-rollable-version-bit", "version", { version: 0, ntime: 0, nonce: 0 }, "current"],
    ["invalid-share", "ntime below", { ntime: 999, nonce: 0 }, "current"],
    ["invalid-share", "ntime above", { ntime: NOW_SECONDS + MAX_FUTURE_NTIME + 1, nonce: 0 }, "current"],
    ["difficulty-too-low", "target", { nonce: nonceWithZeros(SHARE - 1) }, "current"],
    ["accepted", "nothing", {}, "current"],
  ])("gets %s first (%s)", (expected, _rule, broken, age) => {
    const channel = age === "stale" ? channelWithStaleJob() : channelWithJob();
    expect(outcome(channel.checkShare(share(broken), NOW))).toBe(expected);
    // Nothing that was refused is remembered: the same answer again.
    if (expected !== "accepted") expect(outcome(channel.checkShare(share(broken), NOW))).toBe(expected);
  });

  it.each<[string, Partial<ShareSubmission>, "current" | "stale"]>([
    ["stale-share", { version: 0, ntime: 0 }, "stale"],
    ["invalid-non-rollable-version-bit", { version: 0 }, "current"],
    ["invalid-share", { ntime: 0 }, "current"],
    ["accepted", {}, "current"],
  ])("that is a block is reported once, even with %s", (code, broken, age) => {
    const channel = age === "stale" ? channelWithStaleJob() : channelWithJob();
    const block = share({ ...broken, nonce: nonceWithZeros(BLOCK) });
    const verdict = channel.checkShare(block, NOW);
    expect(outcome(verdict)).toBe(`${code}+block`);
    expect(verdict.block).toMatchObject({ nonce: block.nonce, ntime: block.ntime, version: block.version });
    expect(verdict.block!.job.tip).toBe(tipA);
    expect(verdict.block!.foundAt).toBe(NOW.wall);
    expect(outcome(channel.checkShare(block, NOW))).toBe(code === "accepted" ? "duplicate-share" : code);
  });

  it("that is a block but no share, on a tip easier than the channel's target, is reported all the same", () => {
    const channel = channelOfZeros(SHARE);
    channel.activate(1, scriptedJob(1, tipNamed(1, targetOfZeros(1))), NOW);
    expect(channel.target).toBe(targetOfZeros(SHARE));
    const verdict = channel.checkShare(share({ nonce: nonceWithZeros(1) }), NOW);
    expect(outcome(verdict)).toBe("difficulty-too-low+block");
    expect(outcome(channel.checkShare(share({ nonce: nonceWithZeros(0) }), NOW))).toBe("difficulty-too-low");
  });

  it("may roll every bit of the BIP323 mask and no other", () => {
    const channel = channelWithJob();
    for (let bit = 0; bit < 32; bit++) {
      const version = (0x2000_0000 ^ (1 << bit)) >>> 0;
      const rollable = bit >= 5 && bit <= 28;
      const expected = rollable ? "accepted" : "invalid-non-rollable-version-bit";
      expect([bit, outcome(channel.checkShare(share({ version }), NOW))]).toEqual([bit, expected]);
    }
  });

  it("may have an ntime from the job's minimum to two hours ahead of the clock, both included", () => {
    const channel = channelWithJob();
    const now = { wall: 5_000_999, monotonic: NOW.monotonic };
    const ntimes = [999, 1_000, NOW_SECONDS + MAX_FUTURE_NTIME, NOW_SECONDS + MAX_FUTURE_NTIME + 1];
    expect(ntimes.map((ntime) => outcome(channel.checkShare(share({ ntime }), now)))).toEqual([
      "invalid-share",
      "accepted",
      "accepted",
      "invalid-share",
    ]);
  });

  it("may have the tip's first min_ntime also on a job that says a later one", () => {
    const channel = channelWithJob();
    const later = { ...scriptedJob(2, channel.job!.tip), minNtime: 1_600 };
    channel.activate(2, later, at(0));
    const ntimes = [999, 1_000, 1_599, 1_600];
    expect(ntimes.map((ntime) => outcome(channel.checkShare(share({ jobId: 2, ntime }), NOW)))).toEqual([
      "invalid-share",
      "accepted",
      "accepted",
      "accepted",
    ]);
    channel.activate(3, { ...scriptedJob(3, tipNamed(99, targetOfZeros(40))), minNtime: 1_600 }, at(0));
    expect(outcome(channel.checkShare(share({ jobId: 3, ntime: 1_599 }), NOW))).toBe("invalid-share");
  });

  it("is judged by the job's own time where that is ahead of the clock by hours", () => {
    const channel = channelWithJob();
    const now = { wall: 0, monotonic: NOW.monotonic };
    const ntimes = [1_000, 1_000 + MAX_FUTURE_NTIME, 1_000 + MAX_FUTURE_NTIME + 1];
    expect(ntimes.map((ntime) => outcome(channel.checkShare(share({ ntime }), now)))).toEqual([
      "accepted",
      "accepted",
      "invalid-share",
    ]);
  });

  it("is accepted at exactly the target and refused one above", () => {
    // The scripted hash is exact to a bit: a target of 11 leading zero bits and one of 12 lie on either side.
    const channel = channelWithJob();
    expect(outcome(channel.checkShare(share({ nonce: nonceWithZeros(SHARE) }), NOW))).toBe("accepted");
    const probe = channelOfZeros(0, { extranoncePrefix: Uint8Array.of(1, 2, 3, 4) });
    probe.activate(1, scriptedJob(1, tipNamed(0xa, targetOfZeros(20))), NOW);
    const { block } = probe.checkShare(share({ nonce: nonceWithZeros(20) }), NOW);
    const hash = BigInt(`0x${Buffer.from(block!.hash).reverse().toString("hex")}`);
    for (const [target, expected] of [
      [hash, "accepted"],
      [hash - 1n, "difficulty-too-low"],
    ] as const) {
      const exact = channelOfZeros(0, { maxTarget: target, extranoncePrefix: Uint8Array.of(1, 2, 3, 4) });
      exact.activate(1, scriptedJob(1, tipA), NOW);
      expect(exact.target).toBe(target);
      expect(outcome(exact.checkShare(share({ nonce: nonceWithZeros(20) }), NOW))).toBe(expected);
    }
  });

  it("of a standard channel has no extranonce of its own and hashes the prefix with 16 zero bytes", () => {
    const channel = channelOfZeros(SHARE, { kind: "standard" });
    expect(channel.extranonceSize).toBe(0);
    expect(channel.extranoncePrefix).toEqual(Uint8Array.of(9, 0, 0, 1, ...new Uint8Array(16)));
    channel.activate(1, scriptedJob(1, tipA), NOW);
    expect(outcome(channel.checkShare(share({ extranonce: new Uint8Array(16) }), NOW))).toBe(
      "bad-extranonce-size",
    );
    expect(outcome(channel.checkShare(share({ extranonce: new Uint8Array(0) }), NOW))).toBe(
      "bad-extranonce-size",
    );
    const nonce = nonceWithZeros(BLOCK);
    const standard = channel.checkShare(share({ nonce, extranonce: null }), NOW);
    const extended = channelWithJob().checkShare(share({ nonce }), NOW);
    expect([standard.accepted, extended.accepted]).toEqual([true, true]);
    expect(standard.block!.hash).toEqual(extended.block!.hash);
  });

  it("is accepted once, also under another sequence number or another id of the same job", () => {
    const channel = channelWithJob();
    channel.activate(2, channel.job!, NOW);
    expect(outcome(channel.checkShare(share(), NOW))).toBe("accepted");
    expect(outcome(channel.checkShare(share({ sequenceNumber: 2 }), NOW))).toBe("duplicate-share");
    expect(outcome(channel.checkShare(share({ jobId: 2 }), NOW))).toBe("duplicate-share");
    expect(
      outcome(channel.checkShare(share({ jobId: 2, extranonce: new Uint8Array(16).fill(1) }), NOW)),
    ).toBe("accepted");
    expect(
      outcome(channel.checkShare(share({ jobId: 1, extranonce: new Uint8Array(16).fill(1) }), NOW)),
    ).toBe("duplicate-share");
  });

  it("does not survive in arrays the caller or a later share can change", () => {
    const channel = channelWithJob();
    const extranonce = new Uint8Array(16);
    const verdict = channel.checkShare(share({ nonce: nonceWithZeros(BLOCK), extranonce }), NOW);
    if (!verdict.accepted) throw new Error(verdict.code);
    const [hash, coinbaseTx] = [verdict.share.blockHash!.slice(), verdict.block!.coinbaseTx.slice()];
    extranonce.fill(0xee);
    channel.checkShare(share({ nonce: nonceWithZeros(BLOCK, 1), extranonce }), NOW);
    expect(verdict.share.blockHash).toEqual(hash);
    expect(verdict.block!.hash).toEqual(hash);
    expect(verdict.block!.coinbaseTx).toEqual(coinbaseTx);
  });
});

describe("a channel's jobs", () => {
  it("keep the target they were activated with (SV2 5.3.21)", () => {
    const channel = channelWithJob();
    const harder = targetOfZeros(SHARE + 4);
    expect(channel.update(0, harder, NOW)).toBe(true);
    expect(channel.target).toBe(targetOfZeros(SHARE));
    expect(channel.activate(2, scriptedJob(2, tipA), NOW)).toBe(true);
    expect([channel.target, channel.targetBytes]).toEqual([harder, targetToBytes(harder)]);
    expect(outcome(channel.checkShare(share({ jobId: 1 }), NOW))).toBe("accepted");
    expect(outcome(channel.checkShare(share({ jobId: 2 }), NOW))).toBe("difficulty-too-low");
    const verdict = channel.checkShare(share({ jobId: 2, nonce: nonceWithZeros(SHARE + 4) }), NOW);
    expect(verdict.accepted && verdict.share.work).toBe(workOfTarget(harder));
    expect(channel.activate(3, scriptedJob(3, tipA), NOW)).toBe(false);
  });

  it("of the same tip are credited until they are too many or too old", () => {
    const settings = {
      ...defaultChannelSettings,
      easiestTarget: targetOfZeros(SHARE),
      maxJobs: 3,
      maxJobAgeMs: 1_000,
    };
    const channel = channelOfZeros(SHARE, { settings });
    const later = (ms: number) => ({ wall: NOW.wall, monotonic: NOW.monotonic + ms });
    for (let id = 1; id <= 4; id++) channel.activate(id, scriptedJob(id, tipA), later(100 * id));
    const outcomes = (now: ReturnType<typeof later>) =>
      [1, 2, 3, 4].map((jobId) =>
        outcome(
          channel.checkShare(share({ jobId, nonce: nonceWithZeros(SHARE, now.monotonic % 9999) }), now),
        ),
      );
    expect(outcomes(later(500))).toEqual(["invalid-job-id", "accepted", "accepted", "accepted"]);
    // Job 2 was superseded at 300, job 3 at 400; the newest does not age.
    expect(outcomes(later(1_300))).toEqual(["invalid-job-id", "accepted", "accepted", "accepted"]);
    expect(outcomes(later(1_301))).toEqual(["invalid-job-id", "invalid-job-id", "accepted", "accepted"]);
    expect(outcomes(later(99_000))).toEqual([
      "invalid-job-id",
      "invalid-job-id",
      "invalid-job-id",
      "accepted",
    ]);
  });

  it("become stale with the tip, and unknown with the tip after", () => {
    const channel = channelWithStaleJob();
    const outcomes = () =>
      [1, 2, 3].map((jobId) => outcome(channel.checkShare(share({ jobId, nonce: 0 }), NOW)));
    expect(outcomes()).toEqual(["stale-share", "difficulty-too-low", "invalid-job-id"]);
    channel.activate(3, scriptedJob(3, tipNamed(0xc, targetOfZeros(BLOCK))), NOW);
    expect(outcomes()).toEqual(["invalid-job-id", "stale-share", "difficulty-too-low"]);
  });

  it("go by the prev_hash alone: another source's job on the same tip makes nothing stale", () => {
    const channel = channelWithJob();
    channel.activate(
      2,
      scriptedJob(2, { ...tipA, prevHash: tipA.prevHash.slice(), headerTimestamp: 1_100 }),
      NOW,
    );
    expect(outcome(channel.checkShare(share({ jobId: 1 }), NOW))).toBe("accepted");
  });

  it("never come back once their shares are forgotten, so that nothing is credited twice", () => {
    const channel = channelWithJob();
    const first = channel.job!;
    expect(outcome(channel.checkShare(share(), NOW))).toBe("accepted");
    expect(() => channel.activate(1, scriptedJob(2, tipA), NOW)).toThrow(JobError);
    channel.activate(2, scriptedJob(2, tipB), NOW);
    expect(() => channel.activate(3, first, NOW)).toThrow(JobError);
    channel.activate(4, scriptedJob(3, tipA), NOW);
    expect(() => channel.activate(5, first, NOW)).toThrow(JobError);
    expect(channel.job!.serial).toBe(3);
  });

  it("are all gone after close", () => {
    const channel = channelWithJob();
    channel.close();
    expect(outcome(channel.checkShare(share(), NOW))).toBe("invalid-job-id");
    expect(channel.job).toBeUndefined();
  });

  it("know when the newest came", () => {
    const channel = channelWithJob();
    expect(channel.activatedAt).toBe(NOW.monotonic);
    channel.activate(2, scriptedJob(2, tipA), { wall: 0, monotonic: NOW.monotonic + 30_000 });
    expect(channel.activatedAt).toBe(NOW.monotonic + 30_000);
  });
});

describe("the memory of a channel", () => {
  const settings = {
    ...defaultChannelSettings,
    easiestTarget: targetOfZeros(SHARE),
    maxRememberedShares: 50,
  };
  const fill = (channel: Channel, jobId: number, count: number) =>
    Array.from({ length: count }, (_, tag) =>
      outcome(channel.checkShare(share({ jobId, nonce: nonceWithZeros(SHARE, tag) }), NOW)),
    );

  it("gives up the oldest jobs for new shares", () => {
    const channel = channelOfZeros(SHARE, { settings });
    for (const id of [1, 2, 3]) channel.activate(id, scriptedJob(id, tipA), NOW);
    expect(new Set([...fill(channel, 1, 25), ...fill(channel, 2, 25)])).toEqual(new Set(["accepted"]));
    expect(fill(channel, 3, 1)).toEqual(["accepted"]);
    expect(fill(channel, 1, 1)).toEqual(["invalid-job-id"]);
    expect(fill(channel, 2, 1)).toEqual(["duplicate-share"]);
  });

  it("refuses shares beyond its bound rather than forget one of a job that is still credited", () => {
    const channel = channelOfZeros(SHARE, { settings });
    channel.activate(1, scriptedJob(1, tipA), NOW);
    expect(new Set(fill(channel, 1, 50))).toEqual(new Set(["accepted"]));
    expect(outcome(channel.checkShare(share({ nonce: nonceWithZeros(SHARE, 50) }), NOW))).toBe(
      "too-many-shares",
    );
    expect(outcome(channel.checkShare(share({ nonce: nonceWithZeros(BLOCK, 50) }), NOW))).toBe(
      "too-many-shares+block",
    );
    expect(new Set(fill(channel, 1, 50))).toEqual(new Set(["duplicate-share"]));
    channel.activate(2, scriptedJob(2, tipA), NOW);
    const harder = share({ jobId: 2, nonce: nonceWithZeros(BLOCK - 1) });
    expect(outcome(channel.checkShare(harder, NOW))).toBe("accepted");
  });

  it("of reported blocks is bounded, and what falls out of it is reported again", () => {
    const channel = channelWithStaleJob();
    const report = (tag: number) =>
      channel.checkShare(share({ nonce: nonceWithZeros(BLOCK, tag) }), NOW).block !== undefined;
    const tags = Array.from({ length: 33 }, (_, tag) => tag);
    expect(tags.map(report)).toEqual(tags.map(() => true));
    expect([report(32), report(1), report(0)]).toEqual([false, false, true]);
  });
});

describe("a channel's target", () => {
  const open = (nominalHashrate: number, max = maxTarget, settings = defaultChannelSettings) =>
    new Channel({
      settings,
      connectionId: 1,
      id: 2,
      kind: "extended",
      identity: { payoutScript: new Uint8Array(1), address: "a", worker: "" },
      extranoncePrefix: new Uint8Array(4),
      nominalHashrate,
      maxTarget: max,
      now: NOW,
    });
  const codeOf = (action: () => unknown) => {
    try {
      action();
    } catch (error) {
      return error instanceof ChannelError ? error.code : error;
    }
    return undefined;
  };

  it("starts from the nominal rate, within the pool's and the client's limits", () => {
    expect(open(1e12).target).toBe(targetFor(1e12));
    expect(open(0).target).toBe(defaultChannelSettings.easiestTarget);
    expect(open(0, 99n).target).toBe(99n);
    expect(open(1e12).hashrate).toBe(1e12);
  });

  it("needs a rate and a maximum that make sense", () => {
    expect(codeOf(() => open(Number.NaN))).toBe("invalid-nominal-hashrate");
    expect(codeOf(() => open(-1))).toBe("invalid-nominal-hashrate");
    expect(codeOf(() => open(1, 0n))).toBe("max-target-out-of-range");
    const channel = open(1e12);
    expect(codeOf(() => channel.update(Number.POSITIVE_INFINITY, 5n, NOW))).toBe("invalid-nominal-hashrate");
    expect(codeOf(() => channel.update(1, 0n, NOW))).toBe("max-target-out-of-range");
    channel.activate(1, scriptedJob(1, tipNamed(1, 1n)), NOW);
    expect(channel.target).toBe(targetFor(1e12));
  });

  it("follows the network's down to it and no further, and the client is told", () => {
    const channel = open(1e12); // work 1e13 a share
    const hard = tipNamed(1, targetFromHashrate(1e12, 0.1)); // work 6e14
    const easy = tipNamed(2, targetFromHashrate(1e12, 30)); // work 2e12, so a share every two seconds
    const test = tipNamed(3, targetFromHashrate(1e12, 120)); // work 5e11, two shares a second
    expect(channel.activate(1, scriptedJob(1, hard), NOW)).toBe(false);
    expect(channel.activate(2, scriptedJob(2, easy), NOW)).toBe(true);
    expect(channel.target).toBe(easy.target);
    expect(channel.activate(3, scriptedJob(3, test), NOW)).toBe(true);
    expect(channel.target).toBe(targetFor(1e12));
  });

  it("follows a smaller maximum of the client at the next job (SV2 5.3.7), and a larger one back", () => {
    const channel = open(1e12);
    const tip = tipNamed(1, 1n << 180n);
    channel.activate(1, scriptedJob(1, tip), NOW);
    const smaller = channel.target >> 3n;
    expect(channel.update(1e12, smaller, NOW)).toBe(true);
    expect(channel.onTimer(NOW)).toBe(true);
    expect(channel.activate(2, scriptedJob(2, tip), NOW)).toBe(true);
    expect(channel.target).toBe(smaller);
    expect(channel.onTimer(NOW)).toBe(false);
    expect(channel.update(1e12, maxTarget, NOW)).toBe(true);
    channel.activate(3, scriptedJob(3, tip), NOW);
    expect(channel.target).toBe(targetFor(1e12));
  });

  it("starts over from a nominal rate that is new and surprising, and only then", () => {
    const channel = open(1e12);
    const tip = tipNamed(1, 1n << 180n);
    channel.activate(1, scriptedJob(1, tip), NOW);
    expect(channel.update(1.9e12, maxTarget, NOW)).toBe(false);
    expect(channel.update(8e12, maxTarget, NOW)).toBe(true);
    channel.activate(2, scriptedJob(2, tip), NOW);
    expect(channel.target).toBe(targetFor(8e12));
    // A minute without a share: measured far below 8 TH/s, and the client repeating itself is no news.
    let now = NOW;
    for (let i = 0; i < 6; i++) {
      now = at(now.monotonic + 10_000);
      channel.onTimer(now);
    }
    channel.activate(3, scriptedJob(3, tip), now);
    const lowered = channel.target;
    expect(lowered > targetFromHashrate(4e12, 6)).toBe(true);
    expect(channel.update(8e12, maxTarget, now)).toBe(false);
    channel.activate(4, scriptedJob(4, tip), now);
    expect(channel.target).toBe(lowered);
  });

  it("gets harder when shares rain, from shares of the target in force alone", () => {
    const channel = channelWithJob();
    const rain = (jobId: number, seed: number) =>
      Array.from({ length: 5 }, (_, i) =>
        channel.checkShare(share({ jobId, nonce: nonceWithZeros(SHARE + 8, seed + i) }), NOW),
      ).some((verdict) => verdict.accepted && verdict.retarget);
    expect(rain(1, 0)).toBe(true);
    expect(channel.activate(2, scriptedJob(2, tipA), NOW)).toBe(true);
    expect(channel.target < targetOfZeros(SHARE)).toBe(true);
    expect(rain(1, 100)).toBe(false);
    expect(channel.onTimer(NOW)).toBe(false);
    expect(rain(2, 200)).toBe(true);
  });

  it("that the client keeps harder than wished is no reason to think less of the miner", () => {
    const channel = open(1e12);
    const easy = tipNamed(1, 1n << 180n);
    channel.activate(1, scriptedJob(1, easy), NOW);
    channel.update(1e12, targetFromHashrate(8e12, 6), NOW);
    channel.activate(2, scriptedJob(2, easy), NOW);
    // An eighth of six shares a minute, as it must be at an eighth of the target.
    const zeros = 256 - channel.target.toString(2).length + 1;
    for (let n = 1; n <= 30; n++) {
      const now = at(NOW.monotonic + n * 80_000);
      for (let seconds = 70; seconds > 0; seconds -= 10) channel.onTimer(at(now.monotonic - seconds * 1000));
      expect(outcome(channel.checkShare(share({ jobId: 2, nonce: nonceWithZeros(zeros, n) }), now))).toBe(
        "accepted",
      );
    }
    expect(channel.hashrate / 1e12).toBeCloseTo(1, 1);
  });

  it("is not moved by shares that are refused", () => {
    const channel = channelWithJob();
    const hashrate = channel.hashrate;
    for (let i = 0; i < 50; i++)
      channel.checkShare(share({ nonce: nonceWithZeros(SHARE, i), ntime: 0 }), NOW);
    expect(channel.hashrate).toBe(hashrate);
    expect(channel.onTimer(NOW)).toBe(false);
  });
});

describe("what a channel owes", () => {
  it("is acknowledged once, when it is durable", () => {
    const channel = channelWithJob();
    const shares = [10, 11, 12].map((sequenceNumber) => {
      const verdict = channel.checkShare(
        share({ sequenceNumber, nonce: nonceWithZeros(SHARE, sequenceNumber) }),
        NOW,
      );
      if (!verdict.accepted) throw new Error(verdict.code);
      return verdict.share;
    });
    expect(channel.takeAcknowledgement()).toBeUndefined();
    expect(shares.slice(0, 2).map((each) => channel.acknowledge(each))).toEqual([true, false]);
    expect(channel.takeAcknowledgement()).toEqual({
      lastSequenceNumber: 11,
      newSubmitsAcceptedCount: 2,
      newSharesSum: 0n,
    });
    expect(channel.takeAcknowledgement()).toBeUndefined();
    channel.close();
    channel.acknowledge(shares[2]!);
    expect(channel.takeAcknowledgement()?.lastSequenceNumber).toBe(12);
  });
});
