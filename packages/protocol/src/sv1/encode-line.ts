import type { Sv1ServerMethod, Sv1ServerParam, Sv1ServerValues } from "./server-methods.ts";
import type { Sv1ErrorNumber } from "./sv1-error.ts";

/** A notification as a line with its end. */
export function encodeNotification<M extends Sv1ServerMethod>(method: M, values: Sv1ServerValues<M>): string {
  const byName = values as Readonly<Record<string, unknown>>;
  const params = Object.entries(method.params as Readonly<Record<string, Sv1ServerParam<unknown>>>).map(
    ([name, { writer }]) => writer.write(byName[name]),
  );
  return `{"id":null,"method":"${method.method}","params":${JSON.stringify(params)}}\n`;
}

/** An answer as a line with its end. All three members always: old firmware needs them. */
export function encodeResult(id: string, result: unknown): string {
  return `{"id":${id},"result":${JSON.stringify(result)},"error":null}\n`;
}

/** A refusal as a line with its end. */
export function encodeError(id: string, code: Sv1ErrorNumber, text: string): string {
  return `{"id":${id},"result":null,"error":[${code},${JSON.stringify(text)},null]}\n`;
}

/** The `result` of `mining.subscribe`; some firmware looks for the text `mining.notify` in it. */
export function subscribeResult(
  sessionId: string,
  extranonce1: Uint8Array,
  extranonce2Size: number,
): unknown {
  return [[["mining.notify", sessionId]], Buffer.from(extranonce1).toString("hex"), extranonce2Size];
}
