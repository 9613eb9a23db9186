import { readFileSync } from "node:fs";
import { suggestion } from "./config-error.ts";
import { type ConfigTree, type SchemaNode, toSnake } from "./schema-tree.ts";

/** Reads a secret's file: one line, without its end. */
export type ReadFile = (path: string) => string;

export const readSecretFile: ReadFile = (path) => readFileSync(path, "utf8").replace(/\r?\n$/, "");

/** Collects what is wrong, so that a person sees everything at once. */
export interface Problems {
  readonly list: string[];
  readonly readFile: ReadFile;
}

/** Lays a tree with snake case keys, as a TOML file gives it, over `target`. */
export function layTree(
  node: SchemaNode,
  source: unknown,
  target: ConfigTree,
  path: string,
  problems: Problems,
): void {
  if (!isTable(source)) {
    problems.list.push(`${path || "the file"} must be a table`);
    return;
  }
  const known = knownKeys(node);
  for (const [key, value] of Object.entries(source)) {
    const where = path === "" ? key : `${path}.${key}`;
    const entry = known.get(key);
    if (entry === undefined) {
      problems.list.push(`unknown key ${where}${suggestion(key, [...known.keys()])}`);
      continue;
    }
    const { name, child, fromFile } = entry;
    if (fromFile) target[name] = secretFrom(value, where, problems);
    else if (child.properties !== undefined) layTree(child, value, tableIn(target, name), where, problems);
    else if (child.items?.properties !== undefined)
      target[name] = tables(child.items, value, where, problems);
    else target[name] = value;
  }
}

/** Lays one value given as text (environment, `--set`) over `target`. `steps` are snake case names or list positions. */
export function layText(
  node: SchemaNode,
  steps: readonly string[],
  text: string,
  target: ConfigTree,
  where: string,
  problems: Problems,
): void {
  const [step = "", ...rest] = steps;
  const known = knownKeys(node);
  const entry = known.get(step);
  if (entry === undefined) {
    problems.list.push(`${where}: unknown key ${step}${suggestion(step, [...known.keys()])}`);
    return;
  }
  const { name, child, fromFile } = entry;
  if (rest.length === 0) {
    target[name] = fromFile ? secretFrom(text, where, problems) : textToValue(child, text, where, problems);
  } else if (child.properties !== undefined) {
    layText(child, rest, text, tableIn(target, name), where, problems);
  } else if (child.items?.properties !== undefined && /^\d{1,2}$/.test(rest[0] ?? "")) {
    const list = Array.isArray(target[name]) ? (target[name] as ConfigTree[]) : [];
    target[name] = list;
    const position = Number(rest[0]);
    while (list.length <= position) list.push(elementDefaults(child.items));
    layText(child.items, rest.slice(1), text, list[position] ?? {}, where, problems);
  } else {
    problems.list.push(`${where}: ${step} has no key ${rest.join("__")}`);
  }
}

/** Keys that may be written, by their snake case names; secrets have a second one that names a file. */
function knownKeys(node: SchemaNode): Map<string, { name: string; child: SchemaNode; fromFile: boolean }> {
  const keys = new Map<string, { name: string; child: SchemaNode; fromFile: boolean }>();
  for (const [name, child] of Object.entries(node.properties ?? {})) {
    keys.set(toSnake(name), { name, child, fromFile: false });
    if (child.secret === true) keys.set(`${toSnake(name)}_file`, { name, child, fromFile: true });
  }
  return keys;
}

function tables(item: SchemaNode, value: unknown, where: string, problems: Problems): unknown {
  if (!Array.isArray(value)) return value;
  return value.map((element, index) => {
    const table = elementDefaults(item);
    layTree(item, element, table, `${where}[${index}]`, problems);
    return table;
  });
}

function elementDefaults(item: SchemaNode): ConfigTree {
  return Object.fromEntries(
    Object.entries(item.properties ?? {}).map(([key, child]) => [key, structuredClone(child.default)]),
  );
}

function secretFrom(path: unknown, where: string, problems: Problems): string {
  try {
    return problems.readFile(String(path));
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? "unreadable";
    problems.list.push(`${where}: the file ${String(path)} cannot be read (${reason})`);
    return "";
  }
}

function textToValue(node: SchemaNode, text: string, where: string, problems: Problems): unknown {
  if (node.type === "string" || node.anyOf !== undefined) return text;
  if (node.type === "integer" || node.type === "number") return text.trim() === "" ? text : Number(text);
  if (node.type === "boolean") return text === "true" ? true : text === "false" ? false : text;
  try {
    return JSON.parse(text);
  } catch {
    problems.list.push(`${where}: a list must be written as JSON`);
    return undefined;
  }
}

function tableIn(target: ConfigTree, name: string): ConfigTree {
  const existing = target[name];
  if (isTable(existing)) return existing;
  const table: ConfigTree = {};
  target[name] = table;
  return table;
}

function isTable(value: unknown): value is ConfigTree {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}
