import { parseArgs } from "node:util";
import { findPeers, WHERE } from "./find-peers.ts";
import type { InteropTest, Peers } from "./interop-test.ts";
import { miningDeviceOnLode } from "./mining-device-on-lode.ts";
import { nodeThroughSv2Tp, nodeThroughTemplateProvider } from "./node-to-block.ts";
import { referencePoolOnLodeTemplates } from "./reference-pool-on-lode-templates.ts";
import { translatorOnLode } from "./translator-on-lode.ts";
import { Workbench } from "./workbench.ts";

const tests: readonly InteropTest[] = [
  nodeThroughTemplateProvider,
  nodeThroughSv2Tp("with-submitblock"),
  nodeThroughSv2Tp("submit-solution-alone"),
  miningDeviceOnLode,
  translatorOnLode(false),
  translatorOnLode(true),
  referencePoolOnLodeTemplates,
];

interface Result {
  readonly name: string;
  readonly result: "passed" | "failed" | "skipped";
  readonly seconds: number;
  readonly detail?: string;
}

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    only: { type: "string", multiple: true, default: [] },
  },
});

// With --json standard output carries the result alone.
const say = (line: string) => (values.json ? process.stderr : process.stdout).write(`${line}\n`);

async function runTest(test: InteropTest, peers: Peers): Promise<Result> {
  const missing = test.needs.filter((need) => peers[need] === undefined);
  if (missing.length > 0) {
    const detail = `needs ${missing.map((need) => WHERE[need]).join(", ")}`;
    say(`skipped ${test.name}: ${detail}`);
    return { name: test.name, result: "skipped", seconds: 0, detail };
  }
  say(`running ${test.name}`);
  const startedAt = performance.now();
  const bench = new Workbench(say);
  const forget = onInterrupt(bench);
  const seconds = () => Math.round((performance.now() - startedAt) / 100) / 10;
  try {
    await test.run(bench, peers as Required<Peers>);
    say(`passed  ${test.name} (${seconds()} s)`);
    return { name: test.name, result: "passed", seconds: seconds() };
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    say(`FAILED  ${test.name} (${seconds()} s): ${detail}`);
    return { name: test.name, result: "failed", seconds: seconds(), detail };
  } finally {
    await bench.clear();
    forget();
  }
}

/** An interrupted run leaves no processes and no folder behind. */
function onInterrupt(bench: Workbench): () => void {
  const leave = (): void => {
    void bench.clear().finally(() => process.exit(130));
  };
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const signal of signals) process.once(signal, leave);
  return () => {
    for (const signal of signals) process.off(signal, leave);
  };
}

const unknown = values.only.filter((name) => !tests.some((test) => test.name === name));
if (unknown.length > 0) {
  say(`no test is called ${unknown.join(", ")}; there are: ${tests.map(({ name }) => name).join(", ")}`);
  process.exit(2);
}
const peers = findPeers(process.env);
const results: Result[] = [];
for (const test of tests) {
  if (values.only.length === 0 || values.only.includes(test.name)) results.push(await runTest(test, peers));
}
const count = (result: Result["result"]) => results.filter((one) => one.result === result).length;
const counts = { passed: count("passed"), failed: count("failed"), skipped: count("skipped") };
if (values.json) process.stdout.write(`${JSON.stringify({ ...counts, results })}\n`);
say(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exit(counts.failed > 0 ? 1 : 0);
