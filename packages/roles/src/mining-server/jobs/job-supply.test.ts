import { VirtualClock } from "@lode/testing/clock";
import { ScriptedJobs } from "@lode/testing/pool";
import { describe, expect, it } from "vitest";
import { JobSupply } from "./job-supply.ts";

function supply() {
  const jobs = new ScriptedJobs(new VirtualClock());
  return { jobs, work: new JobSupply(jobs, jobs.extranonces) };
}

describe("the supply of work", () => {
  it("opens with the source's job, then with the newest of its tip", () => {
    const { jobs, work } = supply();
    expect(work.opening()?.job).toBe(jobs.current());
    const fresh = work.newerThan(jobs.current())!;
    expect(fresh.job).not.toBe(jobs.current());
    expect(work.opening()).toBe(fresh);
    expect(work.newerThan(jobs.current())).toBe(fresh);
  });

  it("opens with the source's job when that is on another tip, published or not", () => {
    const { jobs, work } = supply();
    work.adopt(jobs.current()!);
    const job = jobs.nextTip();
    expect(work.isTip(job.tip)).toBe(false);
    expect(work.opening()?.job).toBe(job);
    expect(work.isTip(job.tip)).toBe(true);
  });

  it("has nothing while the source has nothing, although there was a job", () => {
    const { jobs, work } = supply();
    const { job } = work.opening()!;
    jobs.stop();
    expect([work.opening(), work.newerThan(job)]).toEqual([undefined, undefined]);
  });

  it("keeps min_ntime from falling within a tip, and only there", () => {
    const { jobs, work } = supply();
    const { tip } = jobs;
    work.adopt(jobs.current()!);
    const earlier = jobs.build({ ...tip, headerTimestamp: tip.headerTimestamp - 9 });
    expect(work.adopt(earlier).minNtime).toBe(tip.headerTimestamp);
    const reorganised = jobs.build({ ...tip, prevHash: new Uint8Array(32), headerTimestamp: 7 });
    expect(work.adopt(reorganised).minNtime).toBe(7);
  });

  it("gives a closed channel's prefix back with the next job and not before", () => {
    const { jobs, work } = supply();
    const prefix = work.allocate()!;
    work.opening();
    work.retire(prefix);
    expect(jobs.extranonces.allocated).toBe(1);
    work.adopt(jobs.next());
    expect(jobs.extranonces.allocated).toBe(0);
  });

  it("makes a job when a thousand prefixes wait for one", () => {
    const { jobs, work } = supply();
    const before = work.opening();
    for (let i = 0; i < 1_000; i++) work.retire(work.allocate()!);
    expect(jobs.extranonces.allocated).toBe(0);
    expect(work.opening()).not.toBe(before);
  });
});
