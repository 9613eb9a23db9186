import { positive, runFromCommandLine } from "./bench-shell.ts";
import { requireDescriptors } from "./descriptors.ts";
import { measureFanOutBench } from "./fanout-bench.ts";
import { measureOwnScripts } from "./own-scripts.ts";
import { formatTable } from "./table.ts";

const USAGE = `Usage: npm run bench:fanout -- [options]

Connects many miners to one pool process and measures what each costs, how long templates take to reach the last of them,
and what happens when all of them come back at once.

  --connections N      miners, each with one channel (10000)
  --repetitions N      tips and refreshes each, of which medians are taken (5)
  --scripts own        measure tips and memory alone, of miners whose blocks each pay another script, beside as many
                       whose blocks pay the pool
  --storms N           times that all miners reconnect (2)
  --generators N       processes of the load generator (1)
  --json               one JSON object on standard output
  --profile DIR        write a CPU profile of the pool there
  --help`;

const defaults = { connections: "10000", repetitions: "5", storms: "2", generators: "1", scripts: "one" };

await runFromCommandLine(
  USAGE,
  defaults,
  ({ values, profileDir }) => ({
    connections: positive(values.connections, "connections"),
    repetitions: positive(values.repetitions, "repetitions"),
    storms: positive(values.storms, "storms"),
    processes: positive(values.generators, "generators"),
    ownScripts: values.scripts === "own",
    profileDir,
  }),
  async (settings) => {
    requireDescriptors(settings.connections);
    if (settings.ownScripts) {
      const rows = await measureOwnScripts(settings);
      return { json: { connections: settings.connections, rows }, table: formatTable(rows) };
    }
    const result = await measureFanOutBench(settings);
    return { json: result, table: formatTable(result.rows) };
  },
);
