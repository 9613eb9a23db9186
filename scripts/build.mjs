// Compiles what has changed (tsc -b), and says so when that takes long. Standard output stays clean, so that what is run
// next can be piped or redirected.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

/** An up-to-date tree takes a fifth of a second. */
const LONG_MS = 1_000;

const root = join(import.meta.dirname, "..");
const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
if (!existsSync(compiler)) {
  console.error("Lode's dependencies are not installed: run npm ci first.");
  process.exit(1);
}
const notice = setTimeout(() => {
  console.error(
    "Compiling Lode. The first time this takes up to a minute; later only what changed is compiled.",
  );
}, LONG_MS);
const build = spawn(process.execPath, [compiler, "-b", root], { stdio: ["ignore", "pipe", "inherit"] });
build.stdout.pipe(process.stderr);
build.on("exit", (code) => {
  clearTimeout(notice);
  process.exitCode = code ?? 1;
});
