import { parseArgs } from "node:util";
import { say } from "../shell-run.ts";
import { positive, readOptions, runBench } from "./bench-shell.ts";
import { formatComparison } from "./peers/compare.ts";
import { measurePeers } from "./peers/measure-peers.ts";
import { findReferencePool } from "./peers/reference-pool.ts";

const USAGE = `Usage: LODE_SRI=DIR npm run bench:peers -- [options]

Measures Lode's pool and the reference implementation's, DIR/pool_sv2, in turn, with the same load and the same templates.

  --connections N,N    sizes of the crowd (200,1000)
  --repetitions N      interleaved repetitions, of which medians are taken (3)
  --seconds N          length of a stretch of shares (4)
  --templates N        tips and refreshes each per repetition (9)
  --json               one JSON object on standard output
  --profile DIR        write CPU profiles of Lode's pool there
  --help`;

function readArguments() {
  const { values } = parseArgs({
    options: {
      connections: { type: "string", default: "200,1000" },
      repetitions: { type: "string", default: "3" },
      seconds: { type: "string", default: "4" },
      templates: { type: "string", default: "9" },
      json: { type: "boolean", default: false },
      profile: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  return {
    help: values.help,
    json: values.json,
    crowds: values.connections.split(",").map((size) => positive(size, "connections")),
    repetitions: positive(values.repetitions, "repetitions"),
    seconds: positive(values.seconds, "seconds"),
    templatesEach: positive(values.templates, "templates"),
    profileDir: values.profile,
  };
}

const { help, json, ...settings } = readOptions(readArguments);
const reference = findReferencePool();
if (help) {
  process.stdout.write(`${USAGE}\n`);
} else if ("missing" in reference) {
  say(`nothing was measured: ${reference.missing}`);
  if (json) process.stdout.write(`${JSON.stringify({ skipped: reference.missing })}\n`);
} else {
  await runBench(json, async () => {
    const result = await measurePeers(reference.path, settings);
    return { json: result, table: formatComparison(result.rows) };
  });
}
