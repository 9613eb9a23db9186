import {
  clientMethods,
  type Sv1ClientMethod,
  type Sv1MethodName,
  type Sv1Param,
  type Sv1Params,
} from "./client-methods.ts";
import { ParamFault } from "./param-types.ts";
import { Sv1Error } from "./sv1-error.ts";

/** A request. `id` is JSON text as the answer must carry it: `1`, `"a"`, `null`. */
export type Sv1Request = {
  readonly [N in Sv1MethodName]: {
    readonly name: N;
    readonly id: string;
    readonly params: Sv1Params<(typeof clientMethods)[N]>;
  };
}[Sv1MethodName];

/** What a miner's line says. */
export type Sv1ClientMessage =
  | Sv1Request
  /** A method that is not known here. */
  | { readonly name: "unknown"; readonly id: string; readonly method: string }
  /** The answer to something a server asked. */
  | { readonly name: "response"; readonly id: string };

/**
 * Reads one line of a miner, without its end. A missing or null `params` is an empty list, surplus parameters are ignored.
 *
 * @throws Sv1Error
 */
export function parseSv1Line(line: string): Sv1ClientMessage {
  const message = parseObject(line);
  const id = idText(own(message, "id"), line);
  const method = own(message, "method");
  if (typeof method !== "string") {
    const isResponse = Object.hasOwn(message, "result") || Object.hasOwn(message, "error");
    if (isResponse) return { name: "response", id };
    throw new Sv1Error({ code: "no-method", id }, "the message has no method");
  }
  const { text, argument } = splitArgument(method);
  const name = byMethod.get(text);
  if (name === undefined) return { name: "unknown", id, method: text.slice(0, MAX_METHOD) };
  const given = own(message, "params");
  const values = Array.isArray(given) ? given : [];
  const params = readParams(clientMethods[name], argument === undefined ? values : [argument, ...values], id);
  // The table ties a name to its parameters; TypeScript does not see it through the lookup.
  return { name, id, params } as Sv1Request;
}

function readParams(
  method: Sv1ClientMethod,
  values: readonly unknown[],
  id: string,
): Record<string, unknown> {
  const params: Record<string, unknown> = {};
  let index = 0;
  for (const [name, { type }] of Object.entries<Sv1Param<unknown>>(method.params)) {
    try {
      params[name] = type.read(values[index++]);
    } catch (error) {
      if (!(error instanceof ParamFault)) throw error;
      const type = { code: "invalid-param" as const, id, method: method.method, param: name };
      throw new Sv1Error(type, `${method.method}: parameter ${index} must be ${error.message}`);
    }
  }
  return params;
}

function parseObject(line: string): object {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new Sv1Error({ code: "not-json", id: "null" }, "the line is no JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Sv1Error({ code: "not-an-object", id: "null" }, "the line is no JSON object");
  }
  return value;
}

/** The id as JSON text. Numbers that JavaScript would change are taken from the line itself. */
function idText(id: unknown, line: string): string {
  if (id === undefined || id === null) return "null";
  if (typeof id === "string" && id.length <= MAX_ID) return JSON.stringify(id);
  if (typeof id === "number") {
    if (Number.isSafeInteger(id)) return String(id);
    const written = ID_NUMBER.exec(line)?.[1];
    if (written !== undefined && written.length <= MAX_ID && Number(written) === id) return written;
    return Number.isFinite(id) ? String(id) : "null";
  }
  throw new Sv1Error({ code: "invalid-id", id: "null" }, "the id is neither a number, a text nor null");
}

function splitArgument(method: string): { text: string; argument: string | undefined } {
  const found = IN_BRACKETS.exec(method);
  return found === null
    ? { text: method, argument: undefined }
    : { text: found[1] ?? "", argument: (found[2] ?? "").trim() };
}

function own(object: object, key: string): unknown {
  return Object.hasOwn(object, key) ? (object as Record<string, unknown>)[key] : undefined;
}

const byMethod = new Map<string, Sv1MethodName>(
  Object.entries(clientMethods).map(([name, { method }]) => [method, name as Sv1MethodName]),
);
const MAX_ID = 256;
const MAX_METHOD = 64;
const ID_NUMBER = /"id"\s*:\s*(-?[0-9][0-9.eE+-]*)/;
/** `mining.suggest_difficulty(512)`. */
const IN_BRACKETS = /^([^(]{1,64})\(([^)]{0,64})\)$/;
