import { stringify } from "smol-toml";
import type { TSchema } from "typebox";
import { asNode, type ConfigTree, defaultsOf, kindOf, type SchemaNode, toSnake } from "./schema-tree.ts";
import { REDACTED, withoutPassword } from "./url-password.ts";

/** Sentences by keys: `pool.network`, `nodes.0.url`. */
type Notes = Readonly<Record<string, string>>;

/**
 * A configuration as TOML with its comments; secrets that are set are not shown.
 *
 * @param notes what follows from the values of keys, written below them
 */
export function formatConfig(schema: TSchema, config: unknown, notes: Notes = {}): string {
  return tomlOf(asNode(schema), config as ConfigTree, "", notes);
}

/** A commented file with every key at its default: what an operator starts from. */
export function exampleConfig(schema: TSchema): string {
  const node = asNode(schema);
  return tomlOf(node, defaultsOf(node) as ConfigTree, "", {});
}

/** The reference of every key, as Markdown tables. */
export function configMarkdown(schema: TSchema): string {
  const lines: string[] = [];
  describeTable(asNode(schema), "", lines);
  return `${lines.join("\n").trim()}\n`;
}

function tomlOf(node: SchemaNode, value: ConfigTree, path: string, notes: Notes): string {
  const plain: string[] = [];
  const tables: string[] = [];
  for (const [key, child] of Object.entries(node.properties ?? {})) {
    const name = toSnake(key);
    const where = path === "" ? name : `${path}.${name}`;
    if (child.properties !== undefined) {
      tables.push(`[${where}]\n${tomlOf(child, value[key] as ConfigTree, where, notes)}`);
    } else if (child.items?.properties !== undefined) {
      const list = value[key] as ConfigTree[];
      const comment = `# ${child.description ?? name}`;
      const item = child.items;
      if (list.length === 0)
        tables.push(
          `${comment}\n${commentOut(`[[${where}]]\n${tomlOf(item, defaultsOf(item) as ConfigTree, where, notes)}`)}`,
        );
      for (const [index, element] of list.entries()) {
        tables.push(
          `${index === 0 ? `${comment}\n` : ""}[[${where}]]\n${tomlOf(item, element, where, notesOf(notes, where, index))}`,
        );
      }
    } else {
      const shown = shownValue(child, value[key]);
      plain.push(`# ${child.description ?? name} (${kindOf(child)})\n${stringify({ [name]: shown })}`);
      if (child.secret === true) plain.push(`# Or in a file that others cannot read:\n#${name}_file = ""`);
      if (notes[where] !== undefined) plain.push(`# ${notes[where]}`);
    }
  }
  return [...plain.map((text) => text.trimEnd()), ...tables.map((text) => `\n${text.trimEnd()}`)]
    .join("\n")
    .concat("\n");
}

/** The notes on an element of a list, by the keys that all of its elements share. */
function notesOf(notes: Notes, list: string, index: number): Notes {
  const start = `${list}.${index}.`;
  return Object.fromEntries(
    Object.entries(notes)
      .filter(([key]) => key.startsWith(start))
      .map(([key, note]) => [`${list}.${key.slice(start.length)}`, note]),
  );
}

/** Of a URL the password alone is hidden; other secrets are hidden whole. */
function shownValue(node: SchemaNode, value: unknown): unknown {
  if (node.url === true && typeof value === "string") return withoutPassword(value);
  return node.secret === true && value !== "" && value !== node.default ? REDACTED : value;
}

function commentOut(toml: string): string {
  return toml
    .trimEnd()
    .split("\n")
    .map((line) => (line.startsWith("#") || line === "" ? line : `#${line}`))
    .join("\n");
}

function describeTable(node: SchemaNode, path: string, lines: string[]): void {
  const plain = Object.entries(node.properties ?? {}).filter(([, child]) => !isTable(child));
  if (plain.length > 0) {
    lines.push(`### \`[${path}]\``, "", "| key | environment | default | meaning |", "|---|---|---|---|");
    for (const [key, child] of plain) {
      const name = toSnake(key);
      const fallback =
        child.default === "" || child.default === undefined ? "" : `\`${JSON.stringify(child.default)}\``;
      const file = child.secret === true ? ` Or \`${name}_file\`: a file that holds it.` : "";
      lines.push(
        `| \`${name}\` | \`${environmentName(path, name)}\` | ${fallback} | ${child.description ?? ""}${file} (${kindOf(child).replaceAll("|", "\\|")}) |`,
      );
    }
    lines.push("");
  }
  for (const [key, child] of Object.entries(node.properties ?? {})) {
    const where = path === "" ? toSnake(key) : `${path}.${toSnake(key)}`;
    if (child.properties !== undefined) describeTable(child, where, lines);
    else if (child.items?.properties !== undefined) {
      lines.push(`${child.description ?? ""}`, "");
      describeTable(child.items, `${where}.0`, lines);
    }
  }
}

function isTable(node: SchemaNode): boolean {
  return node.properties !== undefined || node.items?.properties !== undefined;
}

function environmentName(path: string, name: string): string {
  return `LODE_${[...path.split("."), name].filter(Boolean).join("__").toUpperCase()}`;
}
