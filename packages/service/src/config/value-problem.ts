import { suggestion } from "./config-error.ts";
import { kindOf, type SchemaNode } from "./schema-tree.ts";

/** What a schema's check found; `typebox/value` gives these. */
export interface SchemaError {
  readonly keyword: string;
  readonly instancePath: string;
  readonly message: string;
}

const LONGEST_SHOWN = 80;

/**
 * What is wrong with a value, and what is right, for people: `"bitcoin" is not one of mainnet, signet`. The values of secrets
 * are not repeated.
 *
 * @param node the schema where the error was found
 */
export function valueProblem(node: SchemaNode, value: unknown, error: SchemaError): string {
  if (error.keyword === "~refine") return error.message;
  const shown = node.secret === true || node.url === true ? "the value" : show(value);
  if (node.anyOf !== undefined) {
    const words = node.anyOf.map(({ const: word }) => String(word));
    return `${shown} is not one of ${words.join(", ")}${suggestion(String(value), words)}`;
  }
  if (Array.isArray(value) && node.items !== undefined) {
    if (error.keyword === "uniqueItems") return "an entry stands there twice";
    if (error.keyword === "minItems") return `needs at least ${node.minItems} of them, has ${value.length}`;
    if (error.keyword === "maxItems") return `takes at most ${node.maxItems} of them, has ${value.length}`;
  }
  if (node.properties !== undefined) return `must be a table, not ${shown}`;
  if (typeof value === "string" && node.form !== undefined) return `${shown} is not ${node.form}`;
  const isPhrase = node.form !== undefined || node.type === "boolean";
  return `must be ${isPhrase ? "" : "a "}${kindOf(node)}, not ${shown}`;
}

function show(value: unknown): string {
  const text = typeof value === "number" ? String(value) : (JSON.stringify(value) ?? String(value));
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text;
}

/** The schema at a path such as `/nodes/0/url`, and the value there. */
export function lookUp(
  node: SchemaNode,
  tree: unknown,
  instancePath: string,
): { node: SchemaNode; value: unknown; path: (string | number)[] } {
  let found = node;
  let value = tree;
  const path: (string | number)[] = [];
  for (const step of instancePath.split("/").filter(Boolean)) {
    const child = found.properties?.[step] ?? found.items;
    if (child === undefined) break;
    path.push(found.properties === undefined ? Number(step) : step);
    value = (value as Record<string, unknown>)[step];
    found = child;
  }
  return { node: found, value, path };
}
