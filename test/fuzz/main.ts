import { parseArgs } from "node:util";
import { runFuzz } from "./run-fuzz.ts";

const HELP = `Usage: npm run fuzz -- [options]

Sends random and mutated bytes to a running pool and to every decoder, while honest miners work on that pool.

  --inputs N     inputs in all, a quarter of them to the port (100000)
  --seed N       choice of the inputs (random, printed)
  --replay HEX   only these bytes, to every decoder and at every stage of a connection
  --json         the summary as one line of JSON on standard output
  --help         this text

Exit code 0: no crash, no honest share lost. 1: otherwise. Progress goes to standard error.
`;

const { values } = parseArgs({
  options: {
    inputs: { type: "string", default: "100000" },
    seed: { type: "string" },
    replay: { type: "string" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

if (values.help) {
  process.stdout.write(HELP);
} else {
  try {
    const summary = await runFuzz({
      inputs: number("inputs", values.inputs),
      seed: number("seed", values.seed ?? String(Math.floor(Math.random() * 2 ** 31))),
      ...(values.replay === undefined ? {} : { replay: new Uint8Array(Buffer.from(values.replay, "hex")) }),
      say: (line) => void process.stderr.write(`${line}\n`),
    });
    const figures = Object.entries(summary).map(([name, value]) => `${name} ${value}`);
    process.stdout.write(`${values.json ? JSON.stringify(summary) : figures.join(", ")}\n`);
    process.exitCode = summary.crashes === 0 && summary.honest_shares_lost === 0 ? 0 : 1;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : error}\n`);
    process.exitCode = 1;
  }
}

function number(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) {
    process.stderr.write(`--${name} takes a whole number\n`);
    process.exit(2);
  }
  return value;
}
