import { say } from "../shell-run.ts";
import { positive, runFromCommandLine } from "./bench-shell.ts";
import { crowdRows } from "./crowd-rows.ts";
import { handshakeRow } from "./handshake-row.ts";
import { aeadRow, sha256dRow, shareCheckRow, standardShareCheckRow } from "./native-rows.ts";
import { quickstartRow } from "./quickstart-row.ts";
import type { Measurement, Row } from "./row.ts";
import { sharesDurableRow, sharesSocketRow } from "./share-rows.ts";
import { formatTable } from "./table.ts";

const measurements = [
  sha256dRow,
  shareCheckRow,
  standardShareCheckRow,
  aeadRow,
  handshakeRow,
  sharesSocketRow,
  sharesDurableRow,
  crowdRows,
  quickstartRow,
];

const USAGE = `Usage: npm run bench -- [options]

Measures Lode on this machine and prints each figure beside its budget.

  --only NAME,NAME     only these: ${measurements.map(({ name }) => name).join(", ")}
  --json               one JSON object on standard output
  --repetitions N      repetitions, of which medians are taken (3)
  --seconds N          length of a stretch of load (4)
  --connections N      miners of the row memory (1000)
  --profile DIR        write CPU profiles of the measured pool there
  --help`;

const defaults = { only: "", repetitions: "3", seconds: "4", connections: "1000" };

await runFromCommandLine(
  USAGE,
  defaults,
  ({ values, profileDir }) => ({
    chosen: choose(values.only),
    repetitions: positive(values.repetitions, "repetitions"),
    seconds: positive(values.seconds, "seconds"),
    connections: positive(values.connections, "connections"),
    profileDir,
  }),
  async ({ chosen, ...settings }) => {
    const rows: Row[] = [];
    for (const { name, measure } of chosen) {
      say(`measuring ${name}`);
      rows.push(...(await measure({ ...settings, say })));
    }
    return { json: { rows }, table: formatTable(rows) };
  },
);

/** The measurements of these names; all of them when none is named. */
function choose(names: string): Measurement[] {
  if (names === "") return measurements;
  return names.split(",").map((name) => {
    const found = measurements.find((measurement) => measurement.name === name.trim());
    if (found === undefined) throw new Error(`no measurement is called ${name.trim()}\n\n${USAGE}`);
    return found;
  });
}
