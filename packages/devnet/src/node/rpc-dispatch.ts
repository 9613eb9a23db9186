import type { Logger } from "@lode/ports";
import type { MethodTable, NodeState } from "./node-state.ts";
import { RpcCode, RpcFailure } from "./rpc-failure.ts";

/** Requests in one batch at most. */
const MAX_BATCH = 1000;

/** An answer and the HTTP status it travels with. */
export interface RpcAnswer {
  status: number;
  /** Undefined for a JSON-RPC 2.0 notification, which has none. */
  body: object | undefined;
}

/** Runs JSON-RPC requests (1.0 as Core speaks it, or 2.0) against a table of methods. */
export class RpcDispatcher {
  readonly #methods: MethodTable;
  readonly #node: NodeState;
  readonly #logger: Logger;
  /** While set, every call gets error −28 with this text, as from a node that is still loading. */
  warmup: string | null = null;

  constructor(methods: MethodTable, node: NodeState, logger: Logger) {
    this.#methods = methods;
    this.#node = node;
    this.#logger = logger;
  }

  /** Answers the text of a request or of a batch. Never throws. */
  async answer(text: string, signal: AbortSignal): Promise<RpcAnswer> {
    let request: unknown;
    try {
      request = JSON.parse(text);
    } catch {
      return failed(undefined, new RpcFailure(RpcCode.parseError, "Parse error"));
    }
    if (!Array.isArray(request)) return this.#one(request, signal);
    if (request.length > MAX_BATCH) {
      return failed(undefined, new RpcFailure(RpcCode.invalidRequest, "Batch too large"));
    }
    const answers: object[] = [];
    for (const one of request) {
      const { body } = await this.#one(one, signal);
      if (body !== undefined) answers.push(body);
    }
    return { status: 200, body: answers };
  }

  async #one(given: unknown, signal: AbortSignal): Promise<RpcAnswer> {
    if (typeof given !== "object" || given === null) {
      return failed(undefined, new RpcFailure(RpcCode.invalidRequest, "Invalid Request object"));
    }
    const request: RpcRequest = given;
    try {
      const result = (await this.#run(request, signal)) ?? null;
      if (request.jsonrpc !== "2.0")
        return { status: 200, body: { result, error: null, id: request.id ?? null } };
      if (request.id === undefined) return { status: 204, body: undefined };
      return { status: 200, body: { jsonrpc: "2.0", result, id: request.id } };
    } catch (error) {
      if (error instanceof RpcFailure) return failed(request, error);
      this.#logger.error({ err: error, method: String(request.method) }, "rpc method failed");
      return failed(request, new RpcFailure(RpcCode.internalError, String(error)));
    }
  }

  async #run({ method: name, params }: RpcRequest, signal: AbortSignal): Promise<unknown> {
    if (this.warmup !== null) throw new RpcFailure(RpcCode.inWarmup, this.warmup);
    if (typeof name !== "string") throw new RpcFailure(RpcCode.invalidRequest, "Method must be a string");
    const method = Object.hasOwn(this.#methods, name) ? this.#methods[name] : undefined;
    if (method === undefined) throw new RpcFailure(RpcCode.methodNotFound, "Method not found");
    return await method.run(this.#node, positional(name, method.parameters, params ?? []), signal);
  }
}

interface RpcRequest {
  jsonrpc?: unknown;
  id?: unknown;
  method?: unknown;
  params?: unknown;
}

/** Arguments by position, whichever way they were given. @throws RpcFailure −1, −8, −32600 */
function positional(name: string, parameters: readonly string[], params: unknown): unknown[] {
  if (typeof params !== "object" || params === null) {
    throw new RpcFailure(RpcCode.invalidRequest, "Params must be an array or object");
  }
  const names = parameters.map((parameter) => parameter.replace("?", ""));
  const args = Array.isArray(params) ? params : names.map((one) => (params as Record<string, unknown>)[one]);
  const unknown = Array.isArray(params) ? undefined : Object.keys(params).find((one) => !names.includes(one));
  if (unknown !== undefined) {
    throw new RpcFailure(RpcCode.invalidParameter, `Unknown named parameter ${unknown}`);
  }
  const required = parameters.filter((parameter) => !parameter.endsWith("?")).length;
  const given = args.findLastIndex((arg) => arg !== undefined) + 1;
  if (given < required || given > parameters.length) {
    throw new RpcFailure(RpcCode.miscError, `${name} ${parameters.join(" ")}`);
  }
  return args;
}

/** Statuses as Core's HTTP server sets them: errors of 1.0 requests are not 200. */
function failed(request: RpcRequest | undefined, failure: RpcFailure): RpcAnswer {
  const { rpcCode } = failure.type;
  const error = { code: rpcCode, message: failure.message };
  if (request?.jsonrpc === "2.0") {
    return { status: 200, body: { jsonrpc: "2.0", error, id: request.id ?? null } };
  }
  const status = rpcCode === RpcCode.invalidRequest ? 400 : rpcCode === RpcCode.methodNotFound ? 404 : 500;
  return { status, body: { result: null, error, id: request?.id ?? null } };
}
