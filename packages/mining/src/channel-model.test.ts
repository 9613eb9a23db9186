import { modelRuns, modelTimeout } from "@lode/testing/model-runs";
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
import { type Channel, defaultChannelSettings, JobError, type JobState, type MiningJob } from "./index.ts";

const EASIEST = 10;
const BLOCK = 30;
const LIMITS = { maxJobs: 3, maxJobAgeMs: 1_000, maxRememberedShares: 5 };
/** Every step takes this long, in which a thousand shares a second are expected: vardiff has nothing to raise. */
const STEP_MS = 20;

interface ModelJob {
  id: number;
  serial: number;
  /** Number of the tip it is for, and of the prefix it was sent under. */
  tip: number;
  prefix: number;
  state: JobState;
  zeros: number;
  expiresAt: number;
}

/** The channel as one would write it down without a thought for cost. */
class Model {
  now = 1_000_000;
  zeros = EASIEST;
  tip = 0;
  prefix = 0;
  /** Prefixes that came back. */
  freed = new Set<number>();
  lastId = 0;
  lastSerial = 0;
  /** In the order of activation. */
  jobs: ModelJob[] = [];
  /** Accepted headers by serial of the job. */
  accepted = new Map<number, Set<string>>();
  /** Highest serial of a job whose accepted headers are forgotten. */
  forgotten = -1;
  reported = new Set<string>();

  of(...states: JobState[]): ModelJob[] {
    return this.jobs.filter(({ state }) => states.includes(state));
  }

  newJob(serial: number, tip: number): ModelJob {
    const { prefix, zeros } = this;
    return {
      id: ++this.lastId,
      serial,
      tip,
      prefix,
      state: "active",
      zeros,
      expiresAt: Number.POSITIVE_INFINITY,
    };
  }

  /** Whether its headers may have been accepted and forgotten. */
  isOutdated({ serial }: ModelJob): boolean {
    return serial <= this.forgotten && !this.of("active", "retained").some((held) => held.serial === serial);
  }

  activate(job: ModelJob): void {
    const [newest] = this.of("active");
    if (newest !== undefined && newest.tip !== job.tip) {
      for (const over of this.of("stale")) this.drop(over);
      for (const held of this.jobs) {
        Object.assign(held, { state: "stale", expiresAt: Number.POSITIVE_INFINITY });
        this.forgotten = Math.max(this.forgotten, held.serial);
      }
      this.accepted.clear();
    } else if (newest !== undefined) {
      Object.assign(newest, { state: "retained", expiresAt: this.now + LIMITS.maxJobAgeMs });
    }
    this.tip = job.tip;
    this.jobs.push(job);
    const tooOld = () => {
      const [first] = this.of("retained");
      const many = this.of("active", "retained").length > LIMITS.maxJobs;
      return first !== undefined && (many || first.expiresAt < this.now) ? first : undefined;
    };
    for (let old = tooOld(); old !== undefined; old = tooOld()) this.forget(old);
  }

  drop(job: ModelJob): void {
    this.jobs = this.jobs.filter((each) => each !== job);
  }

  forget(job: ModelJob): void {
    this.drop(job);
    this.forgotten = Math.max(this.forgotten, job.serial);
    if (!this.jobs.some(({ serial }) => serial === job.serial)) this.accepted.delete(job.serial);
  }

  /** Prefixes that may be given to others now and were not before. */
  free(): number[] {
    const numbers = Array.from({ length: this.prefix }, (_, number) => number);
    const free = numbers.filter(
      (number) => !this.freed.has(number) && !this.jobs.some(({ prefix }) => prefix === number),
    );
    for (const number of free) this.freed.add(number);
    return free;
  }

  remembered(): number {
    return [...this.accepted.values()].reduce((sum, set) => sum + set.size, 0);
  }

  /** The verdict, and whether a block is to be submitted. */
  judge(share: ShareStep, jobId: number): [string, boolean] {
    const job = this.jobs.find((each) => each.id === jobId && this.now <= each.expiresAt);
    if (job === undefined) return ["invalid-job-id", false];
    if (!share.sizeOk) return ["bad-extranonce-size", false];
    const header = JSON.stringify([
      job.serial,
      job.prefix,
      share.zeros,
      share.tag,
      share.version,
      share.ntime,
    ]);
    const block = share.zeros >= BLOCK && !this.reported.has(header);
    if (block) this.reported.add(header);
    return [this.judgeHashed(job, share, header), block];
  }

  judgeHashed(job: ModelJob, share: ShareStep, header: string): string {
    if (job.state === "stale") return "stale-share";
    if (share.version === "fixed bit") return "invalid-non-rollable-version-bit";
    if (share.ntime !== "good") return "invalid-share";
    if (share.zeros < job.zeros) return "difficulty-too-low";
    const seen = this.accepted.get(job.serial) ?? new Set();
    if (seen.has(header)) return "duplicate-share";
    for (const other of [...this.jobs]) {
      if (this.remembered() < LIMITS.maxRememberedShares) break;
      if (other !== job && other.state === "retained") this.forget(other);
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
  /** By id, everything that was ever sent. */
  jobs: Map<number, MiningJob>;
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
    const { channel, jobs } = real;
    const held = new Map(model.jobs.map(({ id, state }) => [id, state]));
    for (const id of jobs.keys()) expect([id, channel.stateOf(id)]).toEqual([id, held.get(id)]);
    expect(channel.takeFreedPrefixes()).toEqual(model.free().map(prefixNamed));
    expect(channel.extranoncePrefix).toEqual(prefixNamed(model.prefix));
    for (const id of jobs.keys()) if (id < model.lastId - 12 && !held.has(id)) jobs.delete(id);
  },
  toString: () => name,
});

/** Makes the model's job the active one in both, or sees it refused by both. */
function activateIn(model: Model, { channel, jobs }: Real, job: ModelJob): void {
  const real = jobs.get(job.id)!;
  if (model.isOutdated(job)) {
    expect(() => channel.activate(job.id, real, at(model.now))).toThrow(JobError);
    return;
  }
  const before = channel.target;
  const changed = channel.activate(job.id, real, at(model.now));
  model.activate(job);
  expect(channel.target).toBe(targetOfZeros(model.zeros));
  expect(changed).toBe(before !== channel.target);
  expect(channel.job).toBe(real);
}

/** A new piece of work on a tip, in both. */
function newWork(model: Model, { jobs }: Real, tip: number): ModelJob {
  const job = model.newJob(++model.lastSerial, tip);
  jobs.set(job.id, scriptedJob(job.serial, tipNamed(tip, targetOfZeros(BLOCK))));
  return job;
}

const activation = fc.constantFrom("same tip", "same tip", "same job", "new tip").map((kind) =>
  step(
    `activate(${kind})`,
    (model, real) => {
      if (kind !== "same job") {
        activateIn(model, real, newWork(model, real, kind === "new tip" ? model.tip + 1 : model.tip));
        return;
      }
      const [active] = model.of("active");
      const again = model.newJob(active!.serial, active!.tip);
      real.jobs.set(again.id, real.jobs.get(active!.id)!);
      activateIn(model, real, again);
    },
    (model) => kind !== "same job" || model.of("active").length > 0,
  ),
);

const move = fc.constant(
  step("move to another prefix", (model, real) => {
    real.channel.setExtranoncePrefix(prefixNamed(++model.prefix));
  }),
);

const prefixNamed = (number: number) => Uint8Array.of(9, 0, 0, 1 + number);

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
    expect(differs).toBe(real.channel.target !== targetOfZeros(model.zeros));
  }),
);

describe("a channel", () => {
  it(
    "behaves as a naive model of jobs, targets, duplicates and bounds does",
    () => {
      const commands = fc.commands(
        [activation, move, ...Array<typeof submission>(10).fill(submission), waiting, update],
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
            return { model: new Model(), real: { channel, jobs: new Map<number, MiningJob>() } };
          }, steps);
        }),
        modelRuns(200),
      );
    },
    modelTimeout(),
  );
});
