import { parseArgs } from "node:util";
import { runFromShell, say, wholeNumber } from "../shell-run.ts";
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
  await runFromShell(
    () =>
      runChaos({
        kills: wholeNumber("kills", values.kills),
        miners: wholeNumber("miners", values.miners),
        seed: wholeNumber("seed", values.seed ?? String(Math.floor(Math.random() * 2 ** 32))),
        say,
      }),
    { json: values.json, isWell: ({ missing, duplicates }) => missing === 0 && duplicates === 0 },
  );
}
