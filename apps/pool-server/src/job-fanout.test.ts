import type { JobFactory, MiningJob, Template, Tip } from "@lode/mining";
import { VirtualClock } from "@lode/testing/clock";
import { expect, it } from "vitest";
import { JobFanout } from "./job-fanout.ts";

it("work that no job can be made of leaves the work before in place", () => {
  const template = (templateId: bigint) => ({ templateId, coinbasePrefix: Uint8Array.of(0x51) }) as Template;
  const tip = { prevHash: new Uint8Array(32), headerTimestamp: 10 } as Tip;
  const build = (source: Template, on: Tip, minNtime: number): MiningJob => {
    if (source.templateId === 2n) throw new Error("no coinbase can be made of it");
    return { template: source, tip: on, minNtime } as MiningJob;
  };
  const fanout = new JobFanout({ build } as JobFactory, { publish: () => {} }, new VirtualClock(0));
  fanout.onTemplate(template(1n), tip);
  expect(() => fanout.onTemplate(template(2n), { ...tip, headerTimestamp: 99 })).toThrow("no coinbase");
  expect(fanout.current?.template.templateId).toBe(1n);
  expect(fanout.fresh()).toMatchObject({ template: { templateId: 1n }, minNtime: 10 });
});

it("on an old tip raises min_ntime, for jobs of channels that are there and of new ones", () => {
  const clock = new VirtualClock(1_000_000_000);
  const template = { templateId: 1n, coinbasePrefix: Uint8Array.of(0x51) } as Template;
  const tip = { prevHash: new Uint8Array(32), headerTimestamp: 1_000_000 } as Tip;
  const build = (source: Template, on: Tip, minNtime: number) =>
    ({ template: source, tip: on, minNtime }) as MiningJob;
  const fanout = new JobFanout({ build } as JobFactory, { publish: () => {} }, clock);
  fanout.onTemplate(template, tip);
  clock.advance(2_900_000);
  expect(fanout.current?.minNtime).toBe(1_000_000);
  clock.advance(4_300_000);
  expect([fanout.current?.minNtime, fanout.fresh()?.minNtime]).toEqual([1_004_800, 1_004_800]);
  fanout.onTemplate(template, { ...tip, headerTimestamp: 1_000_100 });
  expect(fanout.current?.minNtime).toBe(1_004_800);
});
