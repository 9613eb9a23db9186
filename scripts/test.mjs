// npm test: the quick tests. npm test -- PATH …: the tests whose path contains one of these words, also those of the system
// suite. npm run test:system: that suite.
import { spawn } from "node:child_process";
import { join } from "node:path";

const args = process.argv.slice(2);
const chosen = args.some((arg) => !arg.startsWith("-")) || args.some((arg) => arg.startsWith("--project"));
const vitest = join(import.meta.dirname, "..", "node_modules", "vitest", "vitest.mjs");
const run = spawn(process.execPath, [vitest, "run", ...(chosen ? [] : ["--project=unit"]), ...args], {
  stdio: "inherit",
});
// Ctrl-C reaches Vitest as well, which then ends in its own way.
process.on("SIGINT", () => {});
run.on("exit", (code) => {
  process.exitCode = code ?? 1;
});
