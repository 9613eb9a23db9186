// Runs every check one after another and counts what the runners report. Logs go to reports/ci/.
// Usage: node scripts/ci.mjs [step …]   (without steps: all)
import { spawn } from "node:child_process";
import { createWriteStream, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const reports = join(root, "reports", "ci");
const simSeed = (Date.now() % 1_000_000_000).toString();

/** @typedef {{ name: string, command: string[], env?: Record<string, string>, counts?: "vitest" }} Step */

/** @type {Step[]} */
const steps = [
  { name: "lint", command: ["npx", "biome", "ci", "--error-on-warnings", "."] },
  { name: "build", command: ["npx", "tsc", "-b"] },
  { name: "types", command: ["npx", "tsc", "-p", "tsconfig.test.json"] },
  { name: "unused", command: ["npx", "knip"] },
  { name: "native-sanitized", command: ["node", "packages/native/scripts/test-sanitized.mjs"] },
  // The README's test command.
  { name: "test", command: ["npm", "test", "--", ...vitestReport("test")], counts: "vitest" },
  {
    name: "test-system",
    command: ["npm", "run", "test:system", "--", ...vitestReport("test-system")],
    counts: "vitest",
  },
  {
    name: "test-without-addon",
    command: ["npx", "vitest", "run", "--project=unit", "packages", ...vitestReport("test-without-addon")],
    env: { LODE_NATIVE: "js" },
    counts: "vitest",
  },
  {
    name: "test-node-24",
    command: [
      "npx",
      "-y",
      "node@24",
      "scripts/test-on-this-node.mjs",
      "v24.",
      ...vitestReport("test-node-24"),
    ],
    counts: "vitest",
  },
  { name: "model", command: ["npm", "run", "model", "--", "--minutes", "1"] },
  {
    name: "sim",
    command: ["npm", "run", "sim", "--", "--seed", simSeed, "--seeds", "1000", "--steps", "300"],
  },
];

const wanted = process.argv.slice(2);
let passed = 0;
let failed = 0;
rmSync(reports, { recursive: true, force: true });
mkdirSync(reports, { recursive: true });
for (const step of steps) {
  if (wanted.length > 0 && !wanted.includes(step.name)) continue;
  const started = performance.now();
  const code = await run(step);
  const result = step.counts === "vitest" ? vitestCounts(step.name, code) : single(code);
  passed += result.passed;
  failed += result.failed;
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(
    `${result.failed === 0 ? "ok  " : "FAIL"} ${step.name.padEnd(20)} ${seconds.padStart(7)} s   ${result.note}`,
  );
  if (result.failed > 0) console.log(tail(step.name));
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;

/** @param {string} name */
function vitestReport(name) {
  return ["--reporter=default", "--reporter=json", `--outputFile.json=${join(reports, `${name}.json`)}`];
}

/** @param {Step} step @returns {Promise<number>} */
function run(step) {
  const [program, ...args] = step.command;
  return new Promise((resolve) => {
    const log = createWriteStream(join(reports, `${step.name}.log`));
    const child = spawn(program ?? "", args, {
      cwd: root,
      env: { ...process.env, ...step.env, FORCE_COLOR: "0", NO_COLOR: "1" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.stdout.pipe(log, { end: false });
    child.stderr.pipe(log, { end: false });
    child.on("error", (error) => {
      log.write(`${error}\n`);
      resolve(127);
    });
    child.on("close", (code) => log.end(() => resolve(code ?? 1)));
  });
}

/** @param {number} code */
function single(code) {
  return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, note: `exit ${code}` };
}

/** @param {string} name @param {number} code */
function vitestCounts(name, code) {
  try {
    const report = JSON.parse(readFileSync(join(reports, `${name}.json`), "utf8"));
    const failures = report.numFailedTests + (report.numFailedTests === 0 && code !== 0 ? 1 : 0);
    const skipped = report.numPendingTests + report.numTodoTests;
    return {
      passed: report.numPassedTests,
      failed: failures,
      note: `${report.numPassedTests} passed, ${failures} failed, ${skipped} skipped`,
    };
  } catch (error) {
    return { passed: 0, failed: 1, note: `no report: ${error instanceof Error ? error.message : error}` };
  }
}

/** @param {string} name */
function tail(name) {
  const lines = readFileSync(join(reports, `${name}.log`), "utf8")
    .trimEnd()
    .split("\n");
  return lines
    .slice(-60)
    .map((line) => `     | ${line}`)
    .join("\n");
}
