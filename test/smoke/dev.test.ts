import { startLode, temporaryFolder } from "@lode/testing/process";
import { afterAll, expect, it } from "vitest";

const folder = temporaryFolder("smoke");
afterAll(folder.remove);

it("lode dev mines a block with nothing configured, and every share it answered is recorded", {
  timeout: 120_000,
}, async () => {
  const ports = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
  const run = startLode(["dev", ...ports, "--data-dir", folder.path, "--exit-after-blocks", "1", "--json"]);
  expect(await run.ended, run.stderr()).toBe(0);
  const summary = JSON.parse(run.stdout().trimEnd().split("\n").at(-1) ?? "");
  expect(summary.blocks_accepted).toBeGreaterThanOrEqual(1);
  expect(summary.accepted_shares).toBeGreaterThan(0);
  expect(summary.recorded_shares).toBe(summary.accepted_shares);
});
