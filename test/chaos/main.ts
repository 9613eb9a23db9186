import { parseArgs } from "node:util";
import { runChaos } from "./run-chaos.ts";

const HELP = `Usage: npm run chaos -- [options]

Kills the pool and its database in turns with SIGKILL, at random moments under load, and checks that every share
that a miner saw acknowledged is in the database, once.

  --kills N    kills in all (20)
  --miners N   simulated miners (24)
  --seed N     choice of the moments (random, printed)
  --json       the summary as one line of JSON on standard output
  --help       this text

Exit code 0: nothing missing, nothing twice. 1: otherwise. Progress goes to standard error.
`;

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "20" },
    miners: { type: "string", default: "24" },
    seed: { type: "string" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

if (values.help) {
  process.stdout.write(HELP);
} else {
  try {
    const summary = await runChaos({
      kills: number("kills", values.kills),
      miners: number("miners", values.miners),
      seed: number("seed", values.seed ?? String(Math.floor(Math.random() * 2 ** 32))),
      say: (line) => void process.stderr.write(`${line}\n`),
    });
    const figures = Object.entries(summary).map(([name, value]) => `${name} ${value}`);
    process.stdout.write(`${values.json ? JSON.stringify(summary) : figures.join(", ")}\n`);
    process.exitCode = summary.missing === 0 && summary.duplicates === 0 ? 0 : 1;
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
