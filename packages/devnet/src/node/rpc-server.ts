import { timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { chainMethods } from "./chain-methods.ts";
import { generateMethods } from "./generate-methods.ts";
import { mempoolMethods } from "./mempool-methods.ts";
import { miningMethods } from "./mining-methods.ts";
import type { MethodTable, NodeState } from "./node-state.ts";
import { processMethods } from "./process-methods.ts";
import { RpcCode, RpcFailure } from "./rpc-failure.ts";

const methods: MethodTable = {
  ...chainMethods,
  ...generateMethods,
  ...mempoolMethods,
  ...miningMethods,
  ...processMethods,
};

/** A block of 4 MB as hex, and its envelope. */
const MAX_BODY = 9 * 1024 * 1024;

/** What the RPC server is told besides the node's state. */
export interface RpcServerOptions {
  readonly state: NodeState;
  /** `user:password` pairs that are let in. */
  readonly credentials: readonly string[];
  /** True while the node pretends to be still loading (error −28). */
  readonly inWarmup: () => boolean;
}

/** Bitcoin Core's JSON-RPC 1.0 over HTTP for {@link methods}. */
export function createRpcServer(options: RpcServerOptions): Server {
  const server = createServer((request, response) => {
    handle(options, request, response).catch(() => response.destroy());
  });
  // Core cuts idle connections after 30 s: clients must cope.
  server.keepAliveTimeout = 30_000;
  server.requestTimeout = 0;
  return server;
}

async function handle(
  options: RpcServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const abort = new AbortController();
  response.on("close", () => abort.abort());
  if (request.method !== "POST") return answer(response, 405, "JSONRPC server handles only POST requests");
  if (!isAuthorized(request, options.credentials)) {
    response.setHeader("WWW-Authenticate", 'Basic realm="jsonrpc"');
    return answer(response, 401, "");
  }
  const body = await readBody(request);
  if (body === null) return answer(response, 413, "");
  let id: unknown = null;
  try {
    const call = parseCall(body);
    id = call.id;
    if (options.inWarmup()) throw new RpcFailure(RpcCode.inWarmup, "Loading block index…");
    const result = await run(options.state, call, abort.signal);
    answer(response, 200, JSON.stringify({ result: result ?? null, error: null, id }));
  } catch (error) {
    const failure =
      error instanceof RpcFailure
        ? error
        : new RpcFailure(RpcCode.internalError, String((error as Error).message));
    const { rpcCode } = failure.type;
    const status = rpcCode === RpcCode.methodNotFound ? 404 : rpcCode === RpcCode.invalidRequest ? 400 : 500;
    answer(
      response,
      status,
      JSON.stringify({ result: null, error: { code: rpcCode, message: failure.message }, id }),
    );
  }
}

interface Call {
  readonly id: unknown;
  readonly method: string;
  readonly params: readonly unknown[] | Readonly<Record<string, unknown>>;
}

function parseCall(body: string): Call {
  let call: Partial<Call> | null;
  try {
    call = JSON.parse(body);
  } catch {
    throw new RpcFailure(RpcCode.parseError, "Parse error");
  }
  if (typeof call !== "object" || call === null || typeof call.method !== "string") {
    throw new RpcFailure(RpcCode.invalidRequest, "Missing method");
  }
  const params = call.params ?? [];
  if (typeof params !== "object") {
    throw new RpcFailure(RpcCode.invalidRequest, "Params must be an array or object");
  }
  return { id: call.id ?? null, method: call.method, params };
}

function run(state: NodeState, call: Call, signal: AbortSignal): unknown {
  const method = Object.hasOwn(methods, call.method) ? methods[call.method] : undefined;
  if (method === undefined) throw new RpcFailure(RpcCode.methodNotFound, "Method not found");
  return method.run(state, positional(method.parameters, call.params), signal);
}

function positional(parameters: readonly string[], params: Call["params"]): unknown[] {
  const names = parameters.map((name) => name.replace("?", ""));
  if (Array.isArray(params)) {
    if (params.length > names.length) throw new RpcFailure(RpcCode.miscError, "Too many parameters");
    return [...params];
  }
  const named = params as Readonly<Record<string, unknown>>;
  const unknown = Object.keys(named).find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new RpcFailure(RpcCode.invalidParameter, `Unknown named parameter ${unknown}`);
  }
  return names.map((name) => named[name]);
}

function isAuthorized(request: IncomingMessage, credentials: readonly string[]): boolean {
  const given = /^Basic (.+)$/.exec(request.headers.authorization ?? "")?.[1];
  if (given === undefined) return false;
  const decoded = Buffer.from(given, "base64");
  return credentials.some((text) => {
    const expected = Buffer.from(text);
    return expected.length === decoded.length && timingSafeEqual(expected, decoded);
  });
}

async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > MAX_BODY) return null;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function answer(response: ServerResponse, status: number, body: string): void {
  if (response.writableEnded || response.destroyed) return;
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(body);
}
