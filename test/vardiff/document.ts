/** The document that holds the study's tables. */
export const documentPath = new URL("../../docs/vardiff.md", import.meta.url);
/** Where the plots are. */
export const imageFolder = new URL("../../docs/img/", import.meta.url);

/** The text with each table between its markers replaced. @throws Error when a marker is missing */
export function withTables(text: string, tables: Readonly<Record<string, string>>): string {
  let result = text;
  for (const [name, table] of Object.entries(tables)) {
    const { start, end } = subnetOf(result, name);
    result = `${result.slice(0, start)}\n${table}\n${result.slice(end)}`;
  }
  return result;
}

/** The lines of a table as the document has them. */
export function tableLines(text: string, name: string): string[] {
  const { start, end } = subnetOf(text, name);
  return text.slice(start, end).trim().split("\n");
}

function subnetOf(text: string, name: string): { start: number; end: number } {
  const opening = `<!-- study:${name} -->`;
  const start = text.indexOf(opening) + opening.length;
  const end = text.indexOf("<!-- /study -->", start);
  if (start < opening.length || end < 0) throw new Error(`docs/vardiff.md has no block ${name}`);
  return { start, end };
}
