import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type ConformanceRow, type Proof, readConformance } from "./conformance-table.ts";
import type { SpecSentences } from "./spec-sentences.ts";

const root = new URL("../../", import.meta.url);
const textOf = (path: string) => readFileSync(new URL(path, root), "utf8");

const table = readConformance(textOf("docs/conformance.md"));
const { spec, sentences }: SpecSentences = JSON.parse(textOf("test/conformance/spec-sentences.json"));
const bySentence = new Map(sentences.map((sentence) => [sentence.id, sentence]));

/** Titles of the tests that run in a file: what stands first in `it(`, `it.each(…)(` and the like, as it is written. */
function titlesIn(source: string): Set<string> {
  const code = source.replace(/^\s*(?:\/\/.*$|\/\*[\s\S]*?\*\/)/gm, "");
  const starts = code.matchAll(/\b(?:it|test)(?:\.(?!skip\b|todo\b)\w+)*\s*\(/g);
  return new Set([...starts].flatMap(({ index }) => titleAt(code, index) ?? []));
}

/** The first argument of a call of `it`, or of what `it.each(…)` returns. */
function titleAt(source: string, at: number): string | undefined {
  let open = source.indexOf("(", at);
  if (/^(?:it|test)(?:\.\w+)*\.(?:each|for|skipIf|runIf)\b/.test(source.slice(at)))
    open = source.indexOf("(", closing(source, open));
  return /^\(\s*(["'`])((?:\\.|(?!\1).)*)\1/s.exec(source.slice(open))?.[2]?.replace(/\\(.)/g, "$1");
}

/** Where the bracket opened at `open` is closed, strings and comments left out. */
function closing(source: string, open: number): number {
  const token = /"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`(?:\\.|[^`\\])*`|\/\/[^\n]*|\/\*[\s\S]*?\*\/|[()]/g;
  token.lastIndex = open;
  let depth = 0;
  for (let match = token.exec(source); match !== null; match = token.exec(source)) {
    if (match[0] === "(") depth++;
    if (match[0] === ")" && --depth === 0) return match.index;
  }
  return source.length;
}

const titles = new Map<string, Set<string>>();

function hasTest({ file, title }: Proof): boolean {
  let known = titles.get(file);
  if (known === undefined) {
    known = existsSync(new URL(file, root)) ? titlesIn(textOf(file)) : new Set<string>();
    titles.set(file, known);
  }
  return known.has(title);
}

describe("docs/conformance.md", () => {
  it("has one row for each sentence of the specification and no other, in the specification's order", () => {
    const rows = table.rows.map(({ id }) => id);
    const missing = sentences.filter(({ id }) => !rows.includes(id));
    expect(
      missing.map(({ id, path, line, text }) => `add a row for ${id} (${path}:${line}): ${text}`),
    ).toEqual([]);
    expect(rows).toEqual(sentences.map(({ id }) => id));
  });

  it("quotes the specification's own words", () => {
    const wrong = table.rows.filter(({ id, quote }) => {
      let at = 0;
      return quote.split(" … ").some((part) => {
        at = bySentence.get(id)?.text.indexOf(part, at) ?? -1;
        return at < 0;
      });
    });
    expect(
      wrong.map(({ id, quote }) => `${id} does not say "${quote}", but: ${bySentence.get(id)?.text}`),
    ).toEqual([]);
  });

  it("names tests that exist", () => {
    const lost = (row: ConformanceRow) =>
      row.proofs
        .filter((proof) => !hasTest(proof))
        .map(
          ({ file, title }) =>
            `docs/conformance.md:${row.line} (${row.id}): ${file} has no test "${title}". Was it renamed or moved? Then write ` +
            `its new name there. Was it removed? Then name another test that proves the row, or write one.`,
        );
    expect(table.rows.flatMap(lost)).toEqual([]);
    expect(table.unused).toEqual([]);
  });

  it("counts its rows rightly", () => {
    const chapters = [...new Set(sentences.map(({ id }) => id.split("-")[0]!))];
    const count = (chapter: string | null) => {
      const rows = table.rows.filter(({ id }) => chapter === null || id.startsWith(`${chapter}-`));
      const of = (outcome: string) => rows.filter((row) => row.outcome === outcome).length;
      return [rows.length, of("proved"), of("not applicable"), of("deviation")];
    };
    const expected = [...chapters.map((chapter) => [chapter, count(chapter)]), ["all", count(null)]];
    expect([...table.counts]).toEqual(expected);
  });

  it("says which version of the specification it is about", () => {
    expect(textOf("docs/conformance.md")).toContain(`${spec.repository}/tree/${spec.commit}`);
    expect(textOf("docs/conformance.md")).toContain(spec.date);
  });
});

describe("a test's title", () => {
  it("is found wherever the call is, whatever stands between", () => {
    const source = `
      it("a (b", () => {});
      describe("x", () => { it.each([[")", 1], ['(', 2]] as const)(
        "c %s", () => {});
        test('d\\'s', { timeout: 5 }, () => {});
        // it("comment")
        /* it("another") */
        it.concurrent(\`e\`, () => {}); it.skip("skipped", () => {}); omit("no");
      });`;
    expect([...titlesIn(source)]).toEqual(["a (b", "c %s", "d's", "e"]);
  });
});
