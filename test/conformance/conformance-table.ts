/** A test that proves a row. */
export interface Proof {
  /** Path from the root of the repository. */
  readonly file: string;
  readonly title: string;
}

/** What became of a sentence of the specification. */
export type Outcome = "proved" | "not applicable" | "deviation";

/** One row of docs/conformance.md. */
export interface ConformanceRow {
  readonly id: string;
  /** Words of the sentence, parts of it joined by ` … `. */
  readonly quote: string;
  readonly outcome: Outcome;
  readonly proofs: readonly Proof[];
  /** Line in the document, from 1. */
  readonly line: number;
}

/** The document, read. */
export interface ConformanceTable {
  readonly rows: readonly ConformanceRow[];
  /** The table of counts on top: by chapter, and `all`. */
  readonly counts: ReadonlyMap<string, readonly number[]>;
  /** Labels of files at the end that no row uses. */
  readonly unused: readonly string[];
  /** Rows of the lists of codes: section heading and code. */
  readonly codes: ReadonlyMap<string, readonly string[]>;
}

const ROW = /^\| `((?:0[345]|0x\d{4})-[\d.]+-\d+)` \|/;
const COUNT = /^\| (\S+) \|((?: \d+ \|){4})$/;
const CODE = /^\| `([a-z-]+)` \|/;
const LINK = /^\[([^\]]+)\]: \.\.\/(\S+)$/;

/** Reads docs/conformance.md. Throws Error where a row cannot be read. */
export function readConformance(markdown: string): ConformanceTable {
  const lines = markdown.split("\n");
  const files = new Map(linksOf(lines));
  const rows: ConformanceRow[] = [];
  const counts = new Map<string, number[]>();
  const codes = new Map<string, string[]>();
  let heading = "";
  for (const [index, line] of lines.entries()) {
    if (line.startsWith("#")) heading = line.replace(/^#+ /, "");
    const id = ROW.exec(line)?.[1];
    const count = COUNT.exec(line);
    const code = CODE.exec(line)?.[1];
    if (id !== undefined) rows.push(rowOf(id, cellsOf(line), files, index + 1));
    else if (count !== null) counts.set(count[1]!, count[2]!.match(/\d+/g)!.map(Number));
    else if (code !== undefined) codes.set(heading, [...(codes.get(heading) ?? []), code]);
  }
  const used = new Set(rows.flatMap(({ proofs }) => proofs.map(({ file }) => file)));
  const unused = [...files].flatMap(([label, file]) => (used.has(file) ? [] : [label]));
  return { rows, counts, unused, codes };
}

function linksOf(lines: readonly string[]): [string, string][] {
  return lines.flatMap((line): [string, string][] => {
    const [, label, path] = LINK.exec(line) ?? [];
    return label === undefined || path === undefined ? [] : [[label, path]];
  });
}

/** A row's cells, trimmed; `\|` is a bar within one. */
function cellsOf(line: string): string[] {
  return line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim().replaceAll("\\|", "|"));
}

function rowOf(
  id: string,
  cells: string[],
  files: ReadonlyMap<string, string>,
  line: number,
): ConformanceRow {
  if (cells.length !== 5) throw new Error(`docs/conformance.md:${line}: ${cells.length} cells, not 5`);
  const [, quote = "", , , verdict = ""] = cells;
  const parts = verdict.split("<br>").map((part) => part.trim());
  const proofs = parts.flatMap((part) => proofOf(part, files, line) ?? []);
  const outcome: Outcome = verdict.startsWith("Does not apply: ")
    ? "not applicable"
    : verdict.startsWith("Deviation: ")
      ? "deviation"
      : "proved";
  if (outcome === "proved" && proofs.length !== parts.length) {
    throw new Error(
      `docs/conformance.md:${line}: the last cell must be tests ("[file] \`title\`", several with <br>), ` +
        '"Does not apply: why" or "Deviation: why"',
    );
  }
  return { id, quote, outcome, proofs, line };
}

function proofOf(part: string, files: ReadonlyMap<string, string>, line: number): Proof | undefined {
  const [, label, title] = /^\[([^\]]+)\] `(.+)`$/.exec(part) ?? [];
  if (label === undefined || title === undefined) return undefined;
  const file = files.get(label);
  if (file === undefined)
    throw new Error(`docs/conformance.md:${line}: no link says which file [${label}] is`);
  return { file, title };
}
