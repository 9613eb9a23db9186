import Type, { type Static, type TSchema } from "typebox";

/**
 * A schema with a check of its own: `problem` returns null, or a sentence for people. Keys in braces are written as they are
 * in files: `{maxChannels}` becomes `max_channels`.
 */
export function refined<S extends TSchema>(schema: S, problem: (value: Static<S>) => string | null): S {
  return Type.Refine(
    schema,
    (value) => problem(value as Static<S>) === null,
    (value) => withFileKeys(problem(value as Static<S>) ?? ""),
  ) as S;
}

function withFileKeys(text: string): string {
  return text.replace(/\{(\w+)\}/g, (_, key: string) =>
    key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
  );
}
