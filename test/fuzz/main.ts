import { parseArgs } from "node:util";
import { runFromShell, say, wholeNumber } from "../shell-run.ts";
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
  await runFromShell(
    () =>
      runFuzz({
        inputs: wholeNumber("inputs", values.inputs),
        seed: wholeNumber("seed", values.seed ?? String(Math.floor(Math.random() * 2 ** 31))),
        ...(values.replay === undefined ? {} : { replay: new Uint8Array(Buffer.from(values.replay, "hex")) }),
        say,
      }),
    {
      json: values.json,
      isWell: ({ crashes, honest_shares_lost }) => crashes === 0 && honest_shares_lost === 0,
    },
  );
}
