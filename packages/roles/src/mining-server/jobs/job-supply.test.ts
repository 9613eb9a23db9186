import { VirtualClock } from "@lode/testing/clock";
import { ScriptedJobs } from "@lode/testing/pool";
import { describe, expect, it } from "vitest";
import { JobSupply } from "./job-supply.ts";

function supply() {
  const clock = new VirtualClock();
  const jobs = new ScriptedJobs(clock);
  const work = new JobSupply(jobs.factory, jobs.extranonces, clock);
  const next = (tip = jobs.tip) => work.onTemplate(jobs.template(), tip);
  return { clock, jobs, work, next };
}

describe("the supply of jobs", () => {
  it("has none before the first template, and makes none for the sake of prefixes then", () => {
    const { jobs, work } = supply();
    expect([work.newest, work.newerThan(undefined)]).toEqual([undefined, undefined]);
    for (let i = 0; i < 1_000; i++) work.retire(work.allocate()!);
    expect([work.newest, jobs.extranonces.allocated]).toEqual([undefined, 1_000]);
  });

  it("has one of the newest template, newer than any other", () => {
    const { work, next } = supply();
    const first = next().frames;
    expect([work.newest, work.newerThan(undefined)]).toEqual([first, first]);
    const fresh = work.newerThan(first.job)!;
    expect([work.newest, work.newerThan(first.job)]).toEqual([fresh, fresh]);
    expect(fresh.job).toMatchObject({ template: first.job.template, tip: first.job.tip });
    expect(fresh.job.serial).toBeGreaterThan(first.job.serial);
    const second = next().frames;
    expect(work.newest).toBe(second);
    expect(second.job.template).not.toBe(first.job.template);
  });

  it("keeps the last job when none can be made of a template", () => {
    const { jobs, work, next } = supply();
    const { frames } = next();
    const otherTip = { ...jobs.tip, prevHash: new Uint8Array(32), headerTimestamp: 1 };
    const tooLong = jobs.template({ coinbasePrefix: new Uint8Array(90) });
    expect(() => work.onTemplate(tooLong, otherTip)).toThrow("script-sig-too-long");
    expect(work.newest).toBe(frames);
    expect(work.newerThan(frames.job)?.job).toMatchObject({
      tip: frames.job.tip,
      minNtime: frames.job.minNtime,
    });
  });

  it("tells a new tip: another prev_hash or other nbits, not another source's time", () => {
    const { jobs, next } = supply();
    const { tip } = jobs;
    const ofTip = [
      tip,
      tip,
      { ...tip, prevHash: tip.prevHash.slice(), headerTimestamp: 1 },
      { ...tip, nbits: 7 },
    ];
    expect(ofTip.map((each) => next(each).newTip)).toEqual([true, false, false, true]);
    expect(next({ ...tip, nbits: 7, prevHash: new Uint8Array(32) }).newTip).toBe(true);
  });

  it("keeps min_ntime from falling within a tip, and only there", () => {
    const { jobs, work, next } = supply();
    const { tip } = jobs;
    const start = tip.headerTimestamp;
    const at = (seconds: number) => ({ ...tip, headerTimestamp: start + seconds });
    const times = [at(0), at(-9), { ...at(-10), nbits: 7 }, at(5)];
    expect(times.map((each) => next(each).frames.job.minNtime - start)).toEqual([0, 0, 0, 5]);
    expect(work.newerThan(work.newest!.job)?.job.minNtime).toBe(start + 5);
    expect(next({ ...at(-50), prevHash: new Uint8Array(32) }).frames.job.minNtime).toBe(start - 50);
  });

  it("raises min_ntime on an old tip, for a new channel's first job as well", () => {
    const { clock, jobs, work, next } = supply();
    const { headerTimestamp } = jobs.tip;
    const first = next().frames;
    clock.advance(2_900_000);
    expect(work.current()).toBe(first);
    clock.advance(4_300_000);
    const risen = work.current()!;
    expect(risen.job.minNtime).toBe(headerTimestamp + 60 + 7_200 - 2_400);
    expect(work.newest).toBe(risen);
    expect(next({ ...jobs.tip, headerTimestamp: headerTimestamp + 100 }).frames.job.minNtime).toBe(
      risen.job.minNtime,
    );
  });

  it("gives a closed channel's prefix back with the next job and not before", () => {
    const { jobs, work, next } = supply();
    next();
    work.retire(work.allocate()!);
    expect(jobs.extranonces.allocated).toBe(1);
    next();
    expect(jobs.extranonces.allocated).toBe(0);
  });

  it("makes a job when a thousand prefixes wait for one", () => {
    const { jobs, work, next } = supply();
    const before = next().frames;
    for (let i = 0; i < 1_000; i++) work.retire(work.allocate()!);
    expect(jobs.extranonces.allocated).toBe(0);
    expect(work.newest).not.toBe(before);
  });
});
