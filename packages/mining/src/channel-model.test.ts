import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  at,
  channelOfZeros,
  nonceWithZeros,
  scriptedJob,
  targetOfZeros,
  tipNamed,
} from "../test/scripted-job.ts";
import { type Channel, defaultChannelSettings, type MiningJob } from "./index.ts";

const EASIEST = 10;
const BLOCK = 30;
const LIMITS = { maxJobs: 3, maxJobAgeMs: 1_000, maxRememberedShares: 5 };
/** Every step takes this long, in which a thousand shares a second are expected: vardiff has nothing to raise. */
const STEP_MS = 20;

interface ModelJob {
  id: number;
  serial: number;
  zeros: number;
  stale: boolean;
  expiresAt: number;
}

/** The channel as one would write it down without a thought for cost. */
class Model {
  now = 1_000_000;
  zeros = EASIEST;
  tip = 0;
  lastId = 0;
  lastSerial = 0;
  jobs: ModelJob[] = [];
  /** Accepted headers by serial of the job. */
  accepted = new Map<number, Set<string>>();
  reported = new Set<string>();

  activate(serial: number, newTip: boolean): void {
    const newest = this.jobs.at(-1);
    if (newTip) {
      this.jobs = this.jobs.filter((job) => !job.stale);
      for (const job of this.jobs) Object.assign(job, { stale: true, expiresAt: Number.POSITIVE_INFINITY });
      this.accepted.clear();
    } else if (newest !== undefined) {
      newest.expiresAt = this.now + LIMITS.maxJobAgeMs;
    }
    const job = {
      id: this.lastId,
      serial,
      zeros: this.zeros,
      stale: false,
      expiresAt: Number.POSITIVE_INFINITY,
    };
    this.jobs.push(job);
    const current = () => this.jobs.filter((each) => !each.stale);
    while (current().length > LIMITS.maxJobs || current()[0]!.expiresAt < this.now)
      this.forget(current()[0]!);
  }

  forget(job: ModelJob): void {
    this.jobs = this.jobs.filter((each) => each !== job);
    if (!this.jobs.some((each) => each.serial === job.serial)) this.accepted.delete(job.serial);
  }

  remembered(): number {
    return [...this.accepted.values()].reduce((sum, set) => sum + set.size, 0);
  }

  /** The verdict, and whether a block is to be submitted. */
  judge(share: ShareStep, jobId: number): [string, boolean] {
    const job = this.jobs.find((each) => each.id === jobId && this.now <= each.expiresAt);
    if (job === undefined) return ["invalid-job-id", false];
    if (!share.sizeOk) return ["bad-extranonce-size", false];
    const header = JSON.stringify([job.serial, share.zeros, share.tag, share.version, share.ntime]);
    const block = share.zeros >= BLOCK && !this.reported.has(header);
    if (block) this.reported.add(header);
    return [this.judgeHashed(job, share, header), block];
  }

  judgeHashed(job: ModelJob, share: ShareStep, header: string): string {
    if (job.stale) return "stale-share";
    if (share.version === "fixed bit") return "invalid-non-rollable-version-bit";
    if (share.ntime !== "good") return "invalid-share";
    if (share.zeros < job.zeros) return "difficulty-too-low";
    const seen = this.accepted.get(job.serial) ?? new Set();
    if (seen.has(header)) return "duplicate-share";
    for (const other of [...this.jobs]) {
      if (this.remembered() < LIMITS.maxRememberedShares) break;
      if (other !== job && other !== this.jobs.at(-1)) this.forget(other);
    }
    if (this.remembered() >= LIMITS.maxRememberedShares) return "too-many-shares";
    this.accepted.set(job.serial, seen.add(header));
    return "accepted";
  }
}

interface ShareStep {
  back: number;
  zeros: number;
  tag: number;
  version: "same" | "rolled" | "fixed bit";
  ntime: "good" | "low" | "high";
  sizeOk: boolean;
}

interface Real {
  channel: Channel;
  job: MiningJob | undefined;
}

type Step = fc.Command<Model, Real>;

const step = (
  name: string,
  run: (model: Model, real: Real) => void,
  check = (_: Readonly<Model>) => true,
): Step => ({
  check,
  run(model, real) {
    model.now += STEP_MS;
    run(model, real);
  },
  toString: () => name,
});

const activation = fc.constantFrom("same tip", "same tip", "same job", "new tip").map((kind) =>
  step(
    `activate(${kind})`,
    (model, real) => {
      if (kind === "new tip") model.tip++;
      if (kind !== "same job") model.lastSerial++;
      const tip = tipNamed(model.tip, targetOfZeros(BLOCK));
      const job = kind === "same job" ? real.job! : scriptedJob(model.lastSerial, tip);
      model.lastId++;
      const before = real.channel.target;
      const changed = real.channel.activate(model.lastId, job, at(model.now));
      model.activate(model.lastSerial, kind === "new tip");
      real.job = job;
      expect(real.channel.target).toBe(targetOfZeros(model.zeros));
      expect(changed).toBe(before !== real.channel.target);
      expect(real.channel.job).toBe(job);
    },
    (model) => kind !== "same job" || model.lastSerial > 0,
  ),
);

const submission = fc
  .record<ShareStep>({
    back: fc.constantFrom(0, 0, 0, 1, 1, 2, 3, 7),
    zeros: fc.constantFrom(EASIEST - 1, EASIEST, EASIEST + 4, EASIEST + 4, EASIEST + 5, BLOCK),
    tag: fc.nat(5),
    version: fc.constantFrom("same", "same", "same", "rolled", "rolled", "fixed bit"),
    ntime: fc.constantFrom(...Array<"good">(10).fill("good"), "low", "high"),
    sizeOk: fc.constantFrom(...Array<boolean>(12).fill(true), false),
  })
  .map((share) =>
    step(`share(${JSON.stringify(share)})`, (model, real) => {
      const jobId = Math.max(model.lastId - share.back, 0);
      const verdict = real.channel.checkShare(
        {
          sequenceNumber: 1,
          jobId,
          nonce: nonceWithZeros(share.zeros, share.tag),
          ntime: { good: 1_500, low: 999, high: 99_999 }[share.ntime],
          version: { same: 0x2000_0000, rolled: 0x2000_0020, "fixed bit": 0x2000_0001 }[share.version],
          extranonce: new Uint8Array(share.sizeOk ? 16 : 17),
        },
        at(model.now),
      );
      const [code, block] = model.judge(share, jobId);
      expect([verdict.accepted ? "accepted" : verdict.code, verdict.block !== undefined]).toEqual([
        code,
        block,
      ]);
    }),
  );

const waiting = fc.constantFrom(100, 990, 5_000).map((ms) =>
  step(`wait(${ms})`, (model) => {
    model.now += ms;
  }),
);

const update = fc.constantFrom(0, EASIEST + 1, EASIEST + 4).map((zeros) =>
  step(`update(${zeros})`, (model, real) => {
    model.zeros = Math.max(zeros, EASIEST);
    const differs = real.channel.update(0, targetOfZeros(zeros), at(model.now));
    expect(differs).toBe(model.lastId > 0 && real.channel.target !== targetOfZeros(model.zeros));
  }),
);

describe("a channel", () => {
  it("behaves as a naive model of jobs, targets, duplicates and bounds does", () => {
    const commands = fc.commands(
      [activation, ...Array<typeof submission>(10).fill(submission), waiting, update],
      {
        maxCommands: 150,
        size: "max",
      },
    );
    const settings = { sharesPerMinute: 60_000, easiestTarget: targetOfZeros(EASIEST), ...LIMITS };
    fc.assert(
      fc.property(commands, (steps) => {
        fc.modelRun(() => {
          const channel = channelOfZeros(EASIEST, { settings: { ...defaultChannelSettings, ...settings } });
          return { model: new Model(), real: { channel, job: undefined } };
        }, steps);
      }),
      { numRuns: 200 },
    );
  });
});
