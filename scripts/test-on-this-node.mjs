// Runs the unit tests on the Node that runs this script: node scripts/test-on-this-node.mjs v24. [vitest options]
// The expected version is asserted, so that a wrapper that picks another Node cannot go unnoticed.
import { spawnSync } from "node:child_process";
import { join } from "node:path";

const [expected = "", ...options] = process.argv.slice(2);
if (!process.version.startsWith(expected)) {
  console.error(`expected Node ${expected}x, this is ${process.version}`);
  process.exit(1);
}
console.log(`unit tests on Node ${process.version}`);
const vitest = join(import.meta.dirname, "..", "node_modules", "vitest", "vitest.mjs");
const { status } = spawnSync(
  process.execPath,
  [vitest, "run", "--project=unit", "packages", "apps", ...options],
  { stdio: "inherit" },
);
process.exit(status ?? 1);
