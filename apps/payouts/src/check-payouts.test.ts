import { loadConfig } from "@lode/service";
import { expect, it } from "vitest";
import { checkPayouts } from "./check-payouts.ts";
import { payoutsSchema } from "./config.ts";

const check = (...set: string[]) =>
  checkPayouts(loadConfig({ schema: payoutsSchema, set })).map(({ key }) => key);

it("the check of the payouts' configuration finds what the start would fail on, all at once", () => {
  expect(check()).toEqual([]);
  expect(check("database.url=mysql://x", `payouts.data_dir=${import.meta.filename}/x`)).toEqual([
    "database.url",
    "payouts.data_dir",
  ]);
});
