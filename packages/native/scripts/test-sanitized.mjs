/**
 * Runs the addon's tests under address and undefined-behaviour sanitizers, once as it is and once with all
 * that is portable. Fails when a test fails, when a sanitizer reports anything, or when the sanitizers were not at work.
 * Leaks are not looked for: Node frees little at its end. Linux and g++ only.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const packageFolder = fileURLToPath(new URL("..", import.meta.url));
const repository = join(packageFolder, "..", "..");
const vitest = join(dirname(createRequire(import.meta.url).resolve("vitest/package.json")), "vitest.mjs");

function run(args, environment) {
  const env = { ...process.env, REQUIRE_NATIVE: "1", ...environment };
  const { status, signal } = spawnSync(process.execPath, args, { cwd: repository, env, stdio: "inherit" });
  if (status !== 0) throw new Error(`node ${args.join(" ")} ended with ${signal ?? `status ${status}`}`);
}

const { stdout } = spawnSync(process.env.CXX ?? "g++", ["-print-file-name=libasan.so"], { encoding: "utf8" });
const libasan = stdout?.trim();
if (!libasan?.includes("/")) throw new Error("g++ with libasan is needed");

/** Proof that the sanitizers are there: both libraries are loaded and the addon is the sanitized one. */
const proof = `
  require(process.env.LODE_NATIVE_PATH);
  const maps = require("node:fs").readFileSync("/proc/self/maps", "utf8");
  for (const name of ["libasan", "libubsan", "-sanitized"]) if (!maps.includes(name)) throw new Error("no " + name);`;

const reports = mkdtempSync(join(tmpdir(), "lode-sanitizer-"));

function test(variant) {
  run([join(packageFolder, "scripts", "build.mjs")], {
    SANITIZE: "1",
    PORTABLE_SHA256: variant === "" ? "0" : "1",
  });
  const environment = {
    LD_PRELOAD: libasan,
    ASAN_OPTIONS: `detect_leaks=0:exitcode=99:log_path=${join(reports, "asan")}`,
    UBSAN_OPTIONS: `print_stacktrace=1:log_path=${join(reports, "ubsan")}`,
    LODE_NATIVE_PATH: join(packageFolder, "build", `lode-native-sanitized${variant}.node`),
  };
  run(["-e", proof], environment);
  const suites = [
    "arguments.contract",
    "cipher.contract",
    "job.contract",
    "send-now.contract",
    "elligator-swift.contract",
    "vectors",
    "differential",
    "addon-memory",
  ];
  const files = suites.map((name) => `packages/native/src/${name}.test.ts`);
  run([vitest, "run", "--no-file-parallelism", ...files], environment);
}

try {
  test("");
  test("-portable");
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  const found = readdirSync(reports);
  for (const name of found) console.error(readFileSync(join(reports, name), "utf8"));
  console.error(
    found.length > 0 ? `The sanitizers made ${found.length} reports.` : "The sanitizers reported nothing.",
  );
  if (found.length > 0) process.exitCode = 1;
  rmSync(reports, { recursive: true, force: true });
}
