import { say } from "../shell-run.ts";
import { positive, runFromCommandLine } from "./bench-shell.ts";
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

const defaults = { connections: "200,1000", repetitions: "3", seconds: "4", templates: "9" };

await runFromCommandLine(
  USAGE,
  defaults,
  ({ values, profileDir }) => ({
    crowds: values.connections.split(",").map((size) => positive(size, "connections")),
    repetitions: positive(values.repetitions, "repetitions"),
    seconds: positive(values.seconds, "seconds"),
    templatesEach: positive(values.templates, "templates"),
    profileDir,
  }),
  async (settings) => {
    const reference = findReferencePool();
    if ("missing" in reference) {
      say(`nothing was measured: ${reference.missing}`);
      return { json: { skipped: reference.missing }, table: "" };
    }
    const result = await measurePeers(reference.path, settings);
    return { json: result, table: formatComparison(result.rows) };
  },
);
