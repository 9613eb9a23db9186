import { nearest, suggestion } from "./config-error.ts";
import type { Problems } from "./problems.ts";
import { type SchemaNode, toSnake } from "./schema-tree.ts";

/** A variable of the environment that sets a key. */
export interface Setting {
  /** The variable's name. */
  readonly name: string;
  readonly text: string;
  /** Snake case names and list positions. */
  readonly steps: readonly string[];
}

const PREFIX = "LODE_";
/** What Kubernetes puts into every pod for a Service that is called `lode-…`. */
const SERVICE_VARIABLE = /_SERVICE_HOST$|_SERVICE_PORT(_\w+)?$|_PORT(_\d+_[A-Z]+(_\w+)?)?$/;
/** A misspelt name may differ in this many letters, and must be at least so long that this is no accident. */
const NEAR = 2;
const LEAST_LENGTH = 12;

/**
 * The variables that set keys of `own`. Keys of `others` (schemas of other commands) are left alone, so that one
 * environment serves all of them, and so are Kubernetes' own variables. What is nearly a key is a problem.
 */
export function readEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  own: SchemaNode,
  others: readonly SchemaNode[],
  problems: Problems,
): Setting[] {
  const settings: Setting[] = [];
  const known = variableNames(own);
  for (const [name, text] of Object.entries(env)) {
    if (text === undefined || !name.startsWith(PREFIX) || isServiceVariable(name, text)) continue;
    const steps = name.slice(PREFIX.length).toLowerCase().split("__");
    if (steps.length > 1) {
      if (isKey(own, steps)) settings.push({ name, text, steps });
      else if (!others.some((other) => isKey(other, steps) || isForeign(steps, own, other)))
        problems.add(`${name} is no key${suggestion(name, withPositionsOf(known, name))}`);
      continue;
    }
    const near = nearestKey(name, withPositionsOf(known, name));
    if (near !== undefined) problems.add(`${name} is no key (did you mean ${JSON.stringify(near)}?)`);
  }
  return settings;
}

/** Names with two underscores are Kubernetes' only when the value is one that it writes. */
function isServiceVariable(name: string, value: string): boolean {
  if (!SERVICE_VARIABLE.test(name)) return false;
  return !name.includes("__") || !name.endsWith("_PORT") || value.includes("://");
}

/** True for a variable of another command's section: that command says what is wrong with it. */
function isForeign(steps: readonly string[], own: SchemaNode, other: SchemaNode): boolean {
  const has = (node: SchemaNode) =>
    Object.keys(node.properties ?? {}).some((key) => toSnake(key) === steps[0]);
  return has(other) && !has(own);
}

function isKey(node: SchemaNode, steps: readonly string[]): boolean {
  const [step = "", ...rest] = steps;
  for (const [key, child] of Object.entries(node.properties ?? {})) {
    const name = toSnake(key);
    if (rest.length === 0) {
      if (child.properties !== undefined || child.items?.properties !== undefined) continue;
      if (step === name || (child.secret === true && step === `${name}_file`)) return true;
    } else if (step === name) {
      if (child.properties !== undefined) return isKey(child, rest);
      if (child.items?.properties !== undefined && /^\d{1,2}$/.test(rest[0] ?? ""))
        return isKey(child.items, rest.slice(1));
    }
  }
  return false;
}

/** Every variable a schema has; list positions are 0. */
function variableNames(node: SchemaNode, prefix = PREFIX): string[] {
  return Object.entries(node.properties ?? {}).flatMap(([key, child]) => {
    const name = `${prefix}${toSnake(key).toUpperCase()}`;
    if (child.properties !== undefined) return variableNames(child, `${name}__`);
    if (child.items?.properties !== undefined) return variableNames(child.items, `${name}__0__`);
    return child.secret === true ? [name, `${name}_FILE`] : [name];
  });
}

/** The names with the list position that `name` has, if any. */
function withPositionsOf(names: readonly string[], name: string): string[] {
  const position = /_(\d{1,2})_/.exec(name)?.[1];
  return position === undefined ? [...names] : names.map((one) => one.replace("__0__", `__${position}__`));
}

/** The key that a name without double underscores was meant to be, if any. */
function nearestKey(name: string, known: readonly string[]): string | undefined {
  const single = (text: string) => text.replaceAll("__", "_");
  const near = nearest(name, known.map(single), name.length < LEAST_LENGTH ? 0 : NEAR);
  return known.find((one) => single(one) === near);
}
