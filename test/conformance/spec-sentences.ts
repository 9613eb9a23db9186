/** A chapter or extension of the specification that Lode is held to. */
export interface SpecFile {
  /** First part of a row's id. */
  readonly chapter: string;
  /** Path in the repository of the specification. */
  readonly path: string;
}

/** What is covered: chapters 03 to 05 and both extensions. */
export const specFiles: readonly SpecFile[] = [
  { chapter: "03", path: "03-Protocol-Overview.md" },
  { chapter: "04", path: "04-Protocol-Security.md" },
  { chapter: "05", path: "05-Mining-Protocol.md" },
  { chapter: "0x0001", path: "extensions/0x0001-extensions-negotiation.md" },
  { chapter: "0x0002", path: "extensions/0x0002-worker-specific-hashrate-tracking.md" },
];

/** One sentence that demands something. */
export interface SpecSentence {
  /** Chapter, section, number within the section in the order of the text: `05-5.3.9-2`. */
  readonly id: string;
  readonly path: string;
  /** Line in the file, from 1. */
  readonly line: number;
  /** Why it is here: it has a word of obligation, or it is listed as a demand without one. */
  readonly found: "word" | "listed";
  /** Without emphasis, links, list marks and needless white space. */
  readonly text: string;
}

/** `spec-sentences.json`. */
export interface SpecSentences {
  readonly spec: { readonly repository: string; readonly commit: string; readonly date: string };
  readonly sentences: readonly SpecSentence[];
}

/** Beginnings of sentences by section. */
export type ListedDemands = Readonly<Record<string, readonly string[]>>;

interface Sentence {
  readonly section: string;
  readonly line: number;
  readonly text: string;
}

const OBLIGATION = /\b(MUST|SHALL|SHOULD|REQUIRED|RECOMMENDED|MAY|must|shall|should|mandatory)\b/;
/** The reference to RFC 2119 names the words without using them. */
const NOT_MEANT = /^Terms like "MUST/;
/** `e.g. Something` is not the end of a sentence. */
const SENTENCE_END = /(?<=(?<!\b(?:e\.g|i\.e|etc|vs))[.!?]) (?=[A-Z(`*\\])/;

/**
 * The demands of one file in the order of the text.
 *
 * @param listed per section, beginnings of demands that have no word of obligation; the first that fits is meant
 * @throws Error when a listed beginning fits no sentence of its section
 */
export function demandsOf(file: SpecFile, markdown: string, listed: ListedDemands): SpecSentence[] {
  const sentences = sentencesOf(markdown);
  const chosen = new Set(
    Object.entries(listed).flatMap(([section, beginnings]) =>
      beginnings.map((beginning) => firstSentence(sentences, section, beginning)),
    ),
  );
  const counts = new Map<string, number>();
  return sentences.flatMap((sentence): SpecSentence[] => {
    const { section, line, text } = sentence;
    const obliges = OBLIGATION.test(text) && !NOT_MEANT.test(text);
    if (!obliges && !chosen.has(sentence)) return [];
    const number = (counts.get(section) ?? 0) + 1;
    counts.set(section, number);
    const id = `${file.chapter}-${section}-${number}`;
    return [{ id, path: file.path, line, found: obliges ? "word" : "listed", text }];
  });
}

function firstSentence(sentences: readonly Sentence[], section: string, beginning: string): Sentence {
  const found = sentences.find((each) => each.section === section && each.text.startsWith(beginning));
  if (found === undefined) throw new Error(`no sentence of section ${section} begins with "${beginning}"`);
  return found;
}

const LIST_MARK = /^\s*(?:[-*]|\d+\.)\s/;

/** Every sentence outside of code blocks, with the numbered section it stands in. */
function sentencesOf(markdown: string): Sentence[] {
  const sentences: Sentence[] = [];
  let section = "0";
  let inCode = false;
  let row: { line: number; cells: string[] } | undefined;
  const add = (line: number, text: string) => {
    for (const part of plain(text).split(SENTENCE_END)) {
      if (part !== "") sentences.push({ section, line, text: part });
    }
  };
  let wrapped: { line: number; text: string } | undefined;
  const endText = () => {
    if (wrapped !== undefined) add(wrapped.line, wrapped.text);
    wrapped = undefined;
  };
  const endRow = () => {
    for (const cell of row?.cells ?? []) add(row!.line, cell);
    row = undefined;
  };
  for (const [index, text] of markdown.split("\n").entries()) {
    const isFence = /^\s*```/.test(text);
    if (isFence) inCode = !inCode;
    const goesOn = wrapped !== undefined && !inCode && /^[^\S\n]*[\w`(]/.test(text) && !LIST_MARK.test(text);
    if (!goesOn) endText();
    if (isFence || inCode) continue;
    if (text.startsWith("|")) {
      const cells = text.split(/(?<!\\)\|/).slice(1, -1);
      // A row without a first cell goes on with the one above it.
      if (row !== undefined && cells[0]?.trim() === "") {
        row.cells = row.cells.map((cell, column) => `${cell.trim()} ${(cells[column] ?? "").trim()}`);
      } else {
        endRow();
        row = { line: index + 1, cells };
      }
      continue;
    }
    endRow();
    const heading = /^#+ (\d+(?:\.\d+)*)\.? +[A-Z\d`]/.exec(text)?.[1];
    if (heading !== undefined) section = heading;
    else {
      // A line that does not end a sentence goes on with the next one.
      wrapped = { line: wrapped?.line ?? index + 1, text: `${wrapped?.text ?? ""} ${text}`.trim() };
      if (!/[\w`,]$/.test(text)) endText();
    }
  }
  endText();
  endRow();
  return sentences;
}

/** A line's words: no emphasis, links, list marks and repeated white space. */
function plain(text: string): string {
  return text
    .replace(/\*\*/g, "")
    .replace(/\\\*/g, "*")
    .replace(/<sup>.*?<\/sup>|<br>/g, "")
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/\s+/g, " ")
    .trim()
    .replace(/^(?:[-*]|\d+\.) +/, "");
}
