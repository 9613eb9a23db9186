import { suggestion } from "./config-error.ts";
import type { Problems } from "./problems.ts";
import { type ConfigTree, type SchemaNode, toSnake } from "./schema-tree.ts";
import type { ReadFile } from "./secret-file.ts";
import { hasPassword } from "./url-password.ts";

/**
 * One source of configuration that is laid over those before it. Within a layer a key is given once; `KEY` and `KEY_file` are
 * the same key. Empty texts beside a file do not count: the example file has them.
 */
export class Layer {
  readonly #problems: Problems;
  readonly #readFile: ReadFile;
  readonly #foreign: readonly string[];
  /** Secrets that stand in this layer itself, not in a file of their own. */
  readonly secrets: string[] = [];
  /** Keys given so far, and how each was written. */
  readonly #given = new Map<string, string>();

  /** @param foreign sections of other commands, for the message */
  constructor(problems: Problems, readFile: ReadFile, foreign: readonly string[] = []) {
    this.#problems = problems;
    this.#readFile = readFile;
    this.#foreign = foreign;
  }

  /** Lays a tree with snake case keys, as a TOML file gives it, over `target`. */
  tree(node: SchemaNode, source: unknown, target: ConfigTree, path = ""): void {
    if (!isTable(source)) {
      this.#problems.addKey({ key: path, message: "must be a table" });
      return;
    }
    const known = knownKeys(node);
    for (const [key, value] of Object.entries(source)) {
      const where = path === "" ? key : `${path}.${key}`;
      const entry = known.get(key);
      if (entry === undefined) {
        const foreign = path === "" && this.#foreign.includes(key);
        this.#problems.add(
          foreign
            ? `[${key}] belongs in the file of another command`
            : `unknown key ${where}${suggestion(key, [...known.keys()])}`,
        );
        continue;
      }
      const { name, child } = entry;
      if (child.properties !== undefined) this.tree(child, value, tableIn(target, name), where);
      else if (child.items?.properties !== undefined) target[name] = this.#tables(child.items, value, where);
      else this.#put(entry, value, target, where, where, null);
    }
  }

  /**
   * Lays one value given as text (environment, `--set`) over `target`.
   *
   * @param steps snake case names or list positions
   * @param written how the user wrote the key, for messages
   */
  text(
    node: SchemaNode,
    steps: readonly string[],
    text: string,
    target: ConfigTree,
    written: string,
    path = "",
  ): void {
    const [step = "", ...rest] = steps;
    const known = knownKeys(node);
    const entry = known.get(step);
    const where = path === "" ? step : `${path}.${step}`;
    if (entry === undefined) {
      this.#problems.add(`${written}: unknown key ${where}${suggestion(step, [...known.keys()])}`);
      return;
    }
    const { name, child } = entry;
    if (child.properties !== undefined && rest.length > 0) {
      this.text(child, rest, text, tableIn(target, name), written, where);
    } else if (child.items?.properties !== undefined && /^\d{1,2}$/.test(rest[0] ?? "")) {
      const list = Array.isArray(target[name]) ? (target[name] as ConfigTree[]) : [];
      target[name] = list;
      const position = Number(rest[0]);
      while (list.length <= position) list.push(elementDefaults(child.items));
      this.text(child.items, rest.slice(1), text, list[position] ?? {}, written, `${where}.${position}`);
    } else if (rest.length > 0) {
      this.#problems.add(`${written}: ${where} has no key ${rest.join(".")}`);
    } else {
      const value = entry.fromFile ? text : this.#fromText(child, text, where);
      this.#put(entry, value, target, where, written, written);
    }
  }

  #put(
    { child, name, fromFile }: Entry,
    value: unknown,
    target: ConfigTree,
    where: string,
    written: string,
    origin: string | null,
  ): void {
    const key = fromFile ? where.slice(0, -FILE.length) : where;
    const empty = value === "" && child.secret === true;
    const before = this.#given.get(key);
    if (empty && (fromFile || before !== undefined)) return;
    if (before !== undefined) {
      this.#problems.addKey({ key, message: `is given twice, as ${before} and as ${written}: keep one` });
      return;
    }
    if (!empty) this.#given.set(key, written);
    this.#problems.from(key, fromFile ? written : origin);
    if (fromFile) {
      target[name] = this.#secret(value, key, where);
      this.#problems.from(key, `in the file ${String(value)}`);
      return;
    }
    target[name] = value;
    const isSecret = child.url === true ? hasPassword(value) : child.secret === true;
    if (isSecret && !empty) this.secrets.push(written);
  }

  #tables(item: SchemaNode, value: unknown, where: string): unknown {
    if (!Array.isArray(value)) return value;
    return value.map((element, index) => {
      const table = elementDefaults(item);
      this.tree(item, element, table, `${where}.${index}`);
      return table;
    });
  }

  #secret(path: unknown, key: string, where: string): string {
    if (typeof path !== "string") {
      this.#problems.addKey({ key, message: `${where} must be the path of a file` });
      return "";
    }
    try {
      return this.#readFile(path);
    } catch (error) {
      this.#problems.addKey({ key, message: error instanceof Error ? error.message : String(error) });
      return "";
    }
  }

  #fromText(node: SchemaNode, text: string, key: string): unknown {
    if (node.type === "string" || node.anyOf !== undefined) return text;
    if (node.type === "integer" || node.type === "number") {
      const number = Number(text);
      return text.trim() === "" || Number.isNaN(number) ? text : number;
    }
    if (node.type === "boolean") return text === "true" ? true : text === "false" ? false : text;
    try {
      return JSON.parse(text);
    } catch {
      this.#problems.addKey({ key, message: 'must be a list in JSON, such as ["a", "b"]' });
      return node.default;
    }
  }
}

interface Entry {
  readonly name: string;
  readonly child: SchemaNode;
  readonly fromFile: boolean;
}

const FILE = "_file";

/** Keys that may be written, by their snake case names; secrets have a second one that names a file. */
function knownKeys(node: SchemaNode): Map<string, Entry> {
  const keys = new Map<string, Entry>();
  for (const [name, child] of Object.entries(node.properties ?? {})) {
    keys.set(toSnake(name), { name, child, fromFile: false });
    if (child.secret === true) keys.set(`${toSnake(name)}${FILE}`, { name, child, fromFile: true });
  }
  return keys;
}

function elementDefaults(item: SchemaNode): ConfigTree {
  return Object.fromEntries(
    Object.entries(item.properties ?? {}).map(([key, child]) => [key, structuredClone(child.default)]),
  );
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
