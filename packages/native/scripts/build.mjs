/**
 * Builds the addon with one compiler call, from the headers that came with this Node. Downloads nothing.
 *
 * Runs as npm's install script: without a compiler or headers it warns and exits 0, and the JavaScript stand-in serves.
 * REQUIRE_NATIVE=1   a failure exits 1 (images, continuous integration)
 * SANITIZE=1         a second file under address and undefined-behaviour sanitizers, warnings as errors
 * PORTABLE_SHA256=1  with SANITIZE=1: a third file without OpenSSL's low-level SHA-256 and inner ciphers, and without the
 *                    compiler's 128-bit numbers
 * CXX                the compiler; default: the first of g++, c++, clang++ that runs
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const packageFolder = fileURLToPath(new URL("..", import.meta.url));
const sourceFolder = join(packageFolder, "addon");
const buildFolder = join(packageFolder, "build");
const { CXX, PORTABLE_SHA256, REQUIRE_NATIVE, SANITIZE, npm_config_nodedir: nodedir } = process.env;
const sanitize = SANITIZE === "1";
const portable = sanitize && PORTABLE_SHA256 === "1";

const addon = join(
  buildFolder,
  `lode-native${sanitize ? "-sanitized" : ""}${portable ? "-portable" : ""}.node`,
);
const stamp = `${addon}.sha256`;

const flags = [
  "-std=c++17",
  "-fPIC",
  "-fvisibility=hidden",
  "-fno-exceptions",
  "-fno-rtti",
  "-fstack-protector-strong",
  "-DNAPI_VERSION=8",
  "-DOPENSSL_SUPPRESS_DEPRECATED", // SHA256_* has no successor for midstates
  ...["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow"],
  // Bound at once, so that a Node without one of the OpenSSL calls is noticed when the addon is loaded.
  ...(process.platform === "darwin"
    ? ["-bundle", "-undefined", "dynamic_lookup"]
    : ["-shared", "-Wl,-z,relro,-z,now", "-Wl,--as-needed"]),
  ...(sanitize
    ? [
        "-O1",
        "-g",
        "-Werror",
        "-fno-omit-frame-pointer",
        "-fsanitize=address,undefined",
        "-fno-sanitize-recover=all",
      ]
    : ["-O3", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2"]),
];
const publicAead = "-DLODE_PUBLIC_AEAD";
const portableSha256 = "-DLODE_PORTABLE_SHA256";
/** The first that compiles and loads is taken: not every Node exports OpenSSL's inner calls. */
const variants = [[], [publicAead], [publicAead, portableSha256]];
/** What other machines' compilers lack, left out to be tested here. */
const testedPortable = [publicAead, portableSha256, "-DLODE_PORTABLE_MULTIPLY"];

/** The first compiler that runs, with what it says of itself. */
function findCompiler() {
  for (const command of CXX ? [CXX] : ["g++", "c++", "clang++"]) {
    const { status, stdout } = spawnSync(command, ["--version"], { encoding: "utf8" });
    if (status === 0) return { command, version: stdout.split("\n", 1)[0] };
  }
  throw new Error(CXX ? `the compiler ${CXX} does not run` : "no C++ compiler found");
}

function findHeaders() {
  const prefixes = [dirname(dirname(process.execPath)), nodedir].filter(Boolean);
  const folders = prefixes.map((prefix) => join(prefix, "include", "node"));
  const folder = folders.find((candidate) => existsSync(join(candidate, "node_api.h")));
  if (folder === undefined) throw new Error(`no Node headers in ${folders.join(" or ")}`);
  return folder;
}

/** Everything the result depends on. Not Node's version: the addon keeps to Node-API 8. */
function fingerprint(compiler) {
  const hash = createHash("sha256");
  hash.update(JSON.stringify([process.platform, process.arch, compiler.version, flags, portable]));
  for (const name of readdirSync(sourceFolder).sort())
    hash.update(name).update(readFileSync(join(sourceFolder, name)));
  return hash.digest("hex");
}

function run(command, args, what) {
  const { status, signal, stderr, error } = spawnSync(command, args, { encoding: "utf8" });
  if (status === 0) return;
  const lines = (stderr ?? "").split("\n").filter((line) => /error|undefined symbol/i.test(line));
  throw new Error(`${what} failed: ${error?.message ?? lines[0]?.trim() ?? signal ?? `status ${status}`}`);
}

/** Run in a process of its own, so that a bad file cannot take this one down. */
const trial = `
  const { sha256dInto, Cipher } = require(process.argv[1]).load((code, message) => new Error(message));
  const hash = Buffer.alloc(32);
  sha256dInto(Buffer.alloc(0), hash);
  if (hash.toString("hex") !== "5df6e0e2761359d30a8275058e299fcc0381534545f55cf43e41983f5d4c9456") {
    throw new Error("wrong hash");
  }
  const sealed = Buffer.alloc(22);
  new Cipher(Buffer.from([...Array(32).keys()])).sealFrame(Buffer.alloc(6), sealed, 0);
  if (sealed.toString("hex") !== "18b84231ade62e7195e4a46445a9690becdd8f91de23") {
    throw new Error("wrong ciphertext");
  }`;

/** Another Node than the one it was built for may lack what the addon calls. */
function works(file) {
  // A sanitized addon loads only where the sanitizer's library was loaded first.
  return sanitize || spawnSync(process.execPath, ["-e", trial, file]).status === 0;
}

function compile(compiler, headers, extra) {
  const fresh = `${addon}.${process.pid}.tmp.node`;
  try {
    const input = join(sourceFolder, "addon.cc");
    run(compiler.command, [...flags, ...extra, "-isystem", headers, "-o", fresh, input], "compiling");
    // A sanitized addon loads only where the sanitizer's library was loaded first.
    if (!sanitize) run(process.execPath, ["-e", trial, fresh], "loading the addon");
    renameSync(fresh, addon);
  } finally {
    rmSync(fresh, { force: true });
  }
}

/** Compiles the first variant that works here. Throws what was wrong with the first of all. */
function compileFirst(compiler, headers, candidates) {
  let failure;
  for (const extra of candidates) {
    try {
      compile(compiler, headers, extra);
      return;
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}

function build() {
  const compiler = findCompiler();
  const current = fingerprint(compiler);
  if (existsSync(addon) && existsSync(stamp) && readFileSync(stamp, "utf8") === current && works(addon))
    return;
  // Never leave an addon of older sources behind.
  rmSync(addon, { force: true });
  rmSync(stamp, { force: true });
  const headers = findHeaders();
  mkdirSync(buildFolder, { recursive: true });
  compileFirst(compiler, headers, sanitize ? [portable ? testedPortable : []] : variants);
  writeFileSync(stamp, current);
}

try {
  build();
} catch (error) {
  const required = REQUIRE_NATIVE === "1";
  const consequence = required
    ? "and REQUIRE_NATIVE=1 demands it"
    : "so Lode will run on the slower JavaScript stand-in";
  console.error(`lode: the native addon was not built (${error.message}), ${consequence}.`);
  console.error(
    "lode: with a C++17 compiler and Node's headers, build it by: node packages/native/scripts/build.mjs",
  );
  process.exitCode = required ? 1 : 0;
}
