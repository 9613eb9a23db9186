import Type, { type Static, type TSchema } from "typebox";
import { toSnake } from "./schema-tree.ts";

/**
 * A schema with a check of its own: `problem` returns null, or a sentence for people. Keys in braces are written as they are
 * in files: `{maxChannels}` becomes `max_channels`.
 */
export function refined<S extends TSchema>(schema: S, problem: (value: Static<S>) => string | null): S {
  return Type.Refine(
    schema,
    (value) => problem(value as Static<S>) === null,
    (value) => (problem(value as Static<S>) ?? "").replace(/\{(\w+)\}/g, (_, key: string) => toSnake(key)),
  ) as S;
}
