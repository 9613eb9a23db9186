import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { listedDemands } from "./listed-demands.ts";
import { demandsOf, type SpecSentences, specFiles } from "./spec-sentences.ts";

/**
 * Writes spec-sentences.json from a clone of the specification:
 * `npx tsx test/conformance/extract-main.ts PATH_OF_SV2_SPEC`, then `npx biome format --write test/conformance`.
 */
const clone = process.argv[2];
if (clone === undefined) throw new Error("usage: extract-main.ts PATH_OF_A_CLONE_OF_SV2_SPEC");

const git = (...args: string[]) => execFileSync("git", ["-C", clone, ...args], { encoding: "utf8" }).trim();
const repository = "https://github.com/stratum-mining/sv2-spec";
const [commit = "", date = ""] = git("log", "-1", "--format=%H %cs").split(" ");
const sentences = specFiles.flatMap((file) =>
  demandsOf(file, readFileSync(`${clone}/${file.path}`, "utf8"), listedDemands[file.chapter] ?? {}),
);
const data: SpecSentences = { spec: { repository, commit, date }, sentences };
writeFileSync(new URL("spec-sentences.json", import.meta.url), `${JSON.stringify(data, null, 2)}\n`);
process.stdout.write(`${sentences.length} sentences of ${commit}\n`);
