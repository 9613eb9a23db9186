import { parseArgs } from "node:util";
import { say } from "../shell-run.ts";
import { positive, readOptions, runBench } from "./bench-shell.ts";
import { crowdRows } from "./crowd-rows.ts";
import { handshakeRow } from "./handshake-row.ts";
import { aeadRow, sha256dRow, shareCheckRow } from "./native-rows.ts";
import { quickstartRow } from "./quickstart-row.ts";
import type { Row } from "./row.ts";
import { sharesDurableRow, sharesSocketRow } from "./share-rows.ts";
import { formatTable } from "./table.ts";

const measurements = [
  sha256dRow,
  shareCheckRow,
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

function readArguments() {
  const { values } = parseArgs({
    options: {
      only: { type: "string" },
      json: { type: "boolean", default: false },
      repetitions: { type: "string", default: "3" },
      seconds: { type: "string", default: "4" },
      connections: { type: "string", default: "1000" },
      profile: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  const wanted = values.only?.split(",").map((name) => name.trim());
  const unknown = wanted?.find((name) => measurements.every((measurement) => measurement.name !== name));
  if (unknown !== undefined) throw new Error(`no measurement is called ${unknown}\n\n${USAGE}`);
  return {
    help: values.help,
    json: values.json,
    chosen: measurements.filter(({ name }) => wanted?.includes(name) ?? true),
    repetitions: positive(values.repetitions, "repetitions"),
    seconds: positive(values.seconds, "seconds"),
    connections: positive(values.connections, "connections"),
    profileDir: values.profile,
  };
}

const { help, json, chosen, ...settings } = readOptions(readArguments);
if (help) {
  process.stdout.write(`${USAGE}\n`);
} else {
  await runBench(json, async () => {
    const rows: Row[] = [];
    for (const { name, measure } of chosen) {
      say(`measuring ${name}`);
      rows.push(...(await measure({ ...settings, say })));
    }
    return { json: { rows }, table: formatTable(rows) };
  });
}
