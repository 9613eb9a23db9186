import { spawn } from "node:child_process";
import { parseArgs } from "node:util";

const USAGE = `Usage: npm run model -- [options]

Runs the model-based tests for as long as you say: random sequences of everything that can happen to a channel and to a mining
endpoint, each compared with a naive model. A failure is shrunk and printed with the path that repeats it.

  --minutes N   in all, divided among the tests (1)
  --help`;

/** Files whose tests take their length from LODE_MODEL_SECONDS, one after the other. */
const tests = ["packages/mining/src/channel-model.test.ts", "test/model/endpoint-model.test.ts"];

const { values } = parseArgs({
  options: { minutes: { type: "string", default: "1" }, help: { type: "boolean", default: false } },
});
const minutes = Number(values.minutes);
if (values.help) console.log(USAGE);
else if (!(minutes > 0)) {
  console.error(`--minutes takes a number above 0, not ${values.minutes}`);
  process.exitCode = 2;
} else {
  const seconds = String((minutes * 60) / tests.length);
  const run = spawn("npx", ["vitest", "run", "--no-file-parallelism", "--bail=1", ...tests], {
    stdio: "inherit",
    env: { ...process.env, LODE_MODEL_SECONDS: seconds },
  });
  run.on("exit", (code) => {
    process.exitCode = code ?? 1;
  });
}
