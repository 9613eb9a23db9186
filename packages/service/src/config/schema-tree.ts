import type { TSchema } from "typebox";

/** The parts of a JSON schema that configuration uses: objects, arrays of objects, and plain values. */
export interface SchemaNode {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly { readonly const?: unknown }[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  /** Ours: what the text must look like, for people: `HOST:PORT, such as 0.0.0.0:3333`. */
  readonly form?: string;
  /** Ours: a URL; of a password in it nothing is shown. */
  readonly url?: boolean;
  /** Ours: the value is never shown, and may come from a file named by `<key>_file`. */
  readonly secret?: boolean;
}

/** A configuration in memory: camel case keys. */
export type ConfigTree = { [key: string]: unknown };

/** A schema as a tree that can be walked. */
export function asNode(schema: TSchema): SchemaNode {
  return schema as SchemaNode;
}

/** `listenAddress` → `listen_address`: the form of files, documents and, in capitals, the environment. */
export function toSnake(camel: string): string {
  return camel.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** A value without its defaults filled in, as the schema describes it when nothing is set. */
export function defaultsOf(node: SchemaNode): unknown {
  if (node.properties !== undefined) {
    return Object.fromEntries(
      Object.entries(node.properties).map(([key, child]) => [key, defaultsOf(child)]),
    );
  }
  return structuredClone(node.default);
}

/** What a plain value may be, for people: `whole number from 1 to 65535`. */
export function kindOf(node: SchemaNode): string {
  if (node.anyOf !== undefined)
    return `one of ${node.anyOf.map(({ const: value }) => JSON.stringify(value)).join(", ")}`;
  if (node.form !== undefined) return node.form;
  if (node.items !== undefined) return "list";
  const { minimum, maximum, maxLength } = node;
  if (node.type === "boolean") return "true or false";
  if (node.type === "string")
    return maxLength === undefined ? "text" : `text of at most ${maxLength} characters`;
  const bounds = minimum !== undefined && maximum !== undefined ? ` from ${minimum} to ${maximum}` : "";
  return `${node.type === "integer" ? "whole number" : "number"}${bounds}`;
}
