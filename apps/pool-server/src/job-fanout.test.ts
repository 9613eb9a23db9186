import type { JobFactory, MiningJob, Template, Tip } from "@lode/mining";
import { expect, it } from "vitest";
import { JobFanout } from "./job-fanout.ts";

it("work that no job can be made of leaves the work before in place", () => {
  const template = (templateId: bigint) => ({ templateId, coinbasePrefix: Uint8Array.of(0x51) }) as Template;
  const tip = { prevHash: new Uint8Array(32), headerTimestamp: 10 } as Tip;
  const build = (source: Template, on: Tip, minNtime: number): MiningJob => {
    if (source.templateId === 2n) throw new Error("no coinbase can be made of it");
    return { template: source, tip: on, minNtime } as MiningJob;
  };
  const fanout = new JobFanout({ build } as JobFactory, { publish: () => {} });
  fanout.onTemplate(template(1n), tip);
  expect(() => fanout.onTemplate(template(2n), { ...tip, headerTimestamp: 99 })).toThrow("no coinbase");
  expect(fanout.current?.template.templateId).toBe(1n);
  expect(fanout.fresh()).toMatchObject({ template: { templateId: 1n }, minNtime: 10 });
});
