import { parseArgs } from "node:util";
import { wholeNumber } from "../shell-run.ts";
import { findPeers, WHERE } from "./find-peers.ts";
import type { Figures, InteropTest, LastingTest, Peers } from "./interop-test.ts";
import { minerdOnLode } from "./minerd-on-lode.ts";
import { miningDeviceOnLode } from "./mining-device-on-lode.ts";
import { nodeThroughSv2Tp, nodeThroughTemplateProvider } from "./node-to-block.ts";
import { miningDeviceInChangingWorld, translatorInChangingWorld } from "./peers-in-changing-world.ts";
import { referencePoolOnLodeTemplates } from "./reference-pool-on-lode-templates.ts";
import { translatorAfterMove } from "./translator-after-move.ts";
import { translatorAfterRestart } from "./translator-after-restart.ts";
import { translatorOnLode } from "./translator-on-lode.ts";
import { Workbench } from "./workbench.ts";

const tests: readonly InteropTest[] = [
  nodeThroughTemplateProvider,
  nodeThroughSv2Tp("with-submitblock"),
  nodeThroughSv2Tp("submit-solution-alone"),
  miningDeviceOnLode,
  minerdOnLode,
  translatorOnLode(false),
  translatorOnLode(true),
  referencePoolOnLodeTemplates,
];
const changingTests: readonly InteropTest[] = [
  translatorAfterRestart(false),
  translatorAfterRestart(true),
  translatorAfterMove(false),
  translatorAfterMove(true),
];
const lastingTests: readonly LastingTest[] = [
  translatorInChangingWorld(false),
  translatorInChangingWorld(true),
  miningDeviceInChangingWorld,
];

interface Result {
  readonly name: string;
  readonly result: "passed" | "failed" | "skipped";
  readonly seconds: number;
  readonly detail?: string;
  readonly figures?: Figures;
}

type Say = (line: string) => void;

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    only: { type: "string", multiple: true, default: [] },
    minutes: { type: "string" },
    keep: { type: "boolean", default: false },
  },
});

// With --json standard output carries the result alone.
const say: Say = (line) => (values.json ? process.stderr : process.stdout).write(`${line}\n`);

// An interrupted run leaves no processes and no folders behind.
const benches = new Set<Workbench>();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    void Promise.all([...benches].map((bench) => bench.clear())).finally(() => process.exit(130));
  });
}

async function runTest(
  test: Pick<InteropTest, "name" | "needs">,
  peers: Peers,
  tell: Say,
  run: (bench: Workbench, peers: Required<Peers>) => Promise<Figures | undefined>,
): Promise<Result> {
  const missing = test.needs.filter((need) => peers[need] === undefined);
  if (missing.length > 0) {
    const detail = `needs ${missing.map((need) => WHERE[need]).join(", ")}`;
    tell(`skipped ${test.name}: ${detail}`);
    return { name: test.name, result: "skipped", seconds: 0, detail };
  }
  tell(`running ${test.name}`);
  const startedAt = performance.now();
  const bench = new Workbench(tell, values.keep);
  benches.add(bench);
  const seconds = () => Math.round((performance.now() - startedAt) / 100) / 10;
  try {
    const figures = await run(bench, peers as Required<Peers>);
    tell(`passed  ${test.name} (${seconds()} s)`);
    return { name: test.name, result: "passed", seconds: seconds(), ...(figures && { figures }) };
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    tell(`FAILED  ${test.name} (${seconds()} s): ${detail}`);
    return { name: test.name, result: "failed", seconds: seconds(), detail };
  } finally {
    await bench.clear();
    benches.delete(bench);
  }
}

const all = [...tests, ...changingTests, ...lastingTests];
const unknown = values.only.filter((name) => !all.some((test) => test.name === name));
if (unknown.length > 0) {
  say(`no test is called ${unknown.join(", ")}; there are: ${all.map(({ name }) => name).join(", ")}`);
  process.exit(2);
}
const minutes = values.minutes === undefined ? undefined : wholeNumber("minutes", values.minutes);
const wanted = ({ name }: { name: string }) => values.only.length === 0 || values.only.includes(name);
const peers = findPeers(process.env);
const told = (name: string): Say => {
  return (line) => say(`[${name}] ${line}`);
};
const runLasting = (test: LastingTest) =>
  runTest(test, peers, told(test.name), (bench, found) => test.mine(bench, found, minutes));
/** One after another. */
const runAll = async (some: readonly InteropTest[]): Promise<Result[]> => {
  const done: Result[] = [];
  for (const test of some.filter(wanted)) {
    const run = async (bench: Workbench, found: Required<Peers>): Promise<undefined> => {
      await test.run(bench, found);
    };
    done.push(await runTest(test, peers, told(test.name), run));
  }
  return done;
};

// Miners are slow on purpose and everything waits for them most of the time, so several tests share the machine.
// A long run is of the lasting tests; the others have nothing to do for so long.
const results = (
  await Promise.all([
    ...(minutes === undefined ? [runAll(tests), runAll(changingTests)] : []),
    Promise.all(lastingTests.filter(wanted).map(runLasting)),
  ])
).flat();
const count = (result: Result["result"]) => results.filter((one) => one.result === result).length;
const counts = { passed: count("passed"), failed: count("failed"), skipped: count("skipped") };
say(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
if (values.json) process.stdout.write(`${JSON.stringify({ ...counts, results })}\n`);
process.exit(counts.failed > 0 ? 1 : 0);
