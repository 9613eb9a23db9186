import { join } from "node:path";
import { checkout, type Ended, RunningProcess, runLode } from "@lode/testing/process";
import { expect, it } from "vitest";

it("lode makes a key pair whose public part it can show from the secret one", async () => {
  const pair = JSON.parse((await runLode(["keys", "generate", "--json"])).stdout);
  const shown = JSON.parse(
    (await runLode(["keys", "show", "--json"], { input: pair.authority_secret_key })).stdout,
  );
  expect(shown).toEqual({
    authority_public_key: pair.authority_public_key,
    public_key_hex: pair.public_key_hex,
  });
  expect(pair.authority_public_key).toMatch(/^9[1-9A-HJ-NP-Za-km-z]{50}/);
});

it("./lode runs it from a checkout, ends with its exit code and keeps standard output to it", async () => {
  expect((await checkoutLode(["--version"])).stdout).toMatch(/^lode \d+\.\d+\.\d+ \(Node [^\n]+\)\n$/);
  const wrong = await checkoutLode(["poool"]);
  expect(wrong).toMatchObject({ code: 2, stdout: "" });
  expect(wrong.stderr).toContain('did you mean "pool"');
});

/** Runs `./lode …` to its end. */
async function checkoutLode(args: readonly string[]): Promise<Ended> {
  const run = new RunningProcess(join(checkout, "lode"), args);
  return { code: await run.ended, stdout: run.stdout(), stderr: run.stderr() };
}
