import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { documentPath, imageFolder, withTables } from "./document.ts";
import { drawPlots } from "./plots.ts";
import { DEFAULT_SEED, runStudy } from "./study.ts";
import { studyTables } from "./tables.ts";

const help = `Simulates miners on Lode's vardiff and on two others, and prints what came of it.

  npm run study:vardiff -- [--seed S] [--json] [--write-docs]

  --seed S      another seed than ${DEFAULT_SEED}; equal seeds give equal figures
  --json        print the figures as one JSON line; null where a target was never found
  --write-docs  put the tables into docs/vardiff.md and draw docs/img/vardiff-*.svg (default seed only)
`;

process.exitCode = main(process.argv.slice(2));

function main(args: readonly string[]): number {
  const request = parse(args);
  if (request === undefined || request.help) {
    (request === undefined ? process.stderr : process.stdout).write(help);
    return request === undefined ? 2 : 0;
  }
  const started = performance.now();
  const progress = (text: string) =>
    process.stderr.write(`${((performance.now() - started) / 1000).toFixed(0)} s: ${text}\n`);
  const study = runStudy(request.seed, progress);
  const tables = studyTables(study);
  if (request.writeDocs) {
    progress("plots");
    writeFileSync(documentPath, withTables(readFileSync(documentPath, "utf8"), tables));
    for (const [name, svg] of Object.entries(drawPlots(study))) {
      writeFileSync(new URL(`${name}.svg`, imageFolder), svg);
    }
  }
  process.stdout.write(
    request.json
      ? `${JSON.stringify(study)}\n`
      : Object.entries(tables)
          .map(([name, text]) => `## ${name}\n\n${text}\n\n`)
          .join(""),
  );
  progress("done");
  return 0;
}

function parse(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        seed: { type: "string", default: `${DEFAULT_SEED}` },
        json: { type: "boolean", default: false },
        "write-docs": { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    const seed = /^\d{1,5}$/.test(values.seed) ? Number(values.seed) : Number.NaN;
    const writeDocs = values["write-docs"];
    if (Number.isNaN(seed) || (writeDocs && seed !== DEFAULT_SEED)) return undefined;
    return { seed, json: values.json, writeDocs, help: values.help };
  } catch {
    return undefined;
  }
}
