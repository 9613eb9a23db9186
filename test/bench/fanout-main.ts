import { parseArgs } from "node:util";
import { positive, readOptions, runBench } from "./bench-shell.ts";
import { requireDescriptors } from "./descriptors.ts";
import { measureFanOutBench } from "./fanout-bench.ts";
import { formatTable } from "./table.ts";

const USAGE = `Usage: npm run bench:fanout -- [options]

Connects many miners to one pool process and measures what each costs, how long templates take to reach the last of them,
and what happens when all of them come back at once.

  --connections N      miners, each with one channel (10000)
  --repetitions N      tips and refreshes each, of which medians are taken (5)
  --storms N           times that all miners reconnect (2)
  --generators N       processes of the load generator (1)
  --json               one JSON object on standard output
  --profile DIR        write a CPU profile of the pool there
  --help`;

function readArguments() {
  const { values } = parseArgs({
    options: {
      connections: { type: "string", default: "10000" },
      repetitions: { type: "string", default: "5" },
      storms: { type: "string", default: "2" },
      generators: { type: "string", default: "1" },
      json: { type: "boolean", default: false },
      profile: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  return {
    help: values.help,
    json: values.json,
    connections: positive(values.connections, "connections"),
    repetitions: positive(values.repetitions, "repetitions"),
    storms: positive(values.storms, "storms"),
    processes: positive(values.generators, "generators"),
    profileDir: values.profile,
  };
}

const { help, json, ...settings } = readOptions(readArguments);
if (help) {
  process.stdout.write(`${USAGE}\n`);
} else {
  await runBench(json, async () => {
    requireDescriptors(settings.connections);
    const result = await measureFanOutBench(settings);
    return { json: result, table: formatTable(result.rows) };
  });
}
