import type { Clock } from "@lode/ports";
import { type Credentials, cookieCredentials, passwordCredentials } from "./credentials.ts";
import { type HttpAnswer, HttpPoster } from "./http-post.ts";
import { NodeOptionsError, parseNodeUrl } from "./node-url.ts";
import { NodeRpcError } from "./rpc-error.ts";

/** How a {@link NodeRpc} finds its node. Exactly one kind of credentials must be given. */
export interface NodeRpcOptions {
  /** `http(s)://host:port`, also `http://user:password@host:port` (percent-encoded). */
  url: string;
  /** Path of the node's `.cookie`. */
  cookieFile?: string;
  user?: string;
  password?: string;
  /** Default patience for one call, milliseconds; 30,000 if absent. */
  timeoutMs?: number;
  /** Largest answer taken, bytes; 64 MiB if absent (a template of a full block is 2 to 10 MB of JSON). */
  maxResponseBytes?: number;
  ports: { clock: Clock };
}

/** Per-call settings. */
export interface NodeCallOptions {
  /** Milliseconds; long polls need minutes. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

/**
 * JSON-RPC client of one bitcoind. Calls run side by side over kept connections; nothing is ever sent twice, except that
 * a 401 makes it read the cookie file again and repeat the refused request once.
 */
export class NodeRpc {
  /** The node's URL without credentials, for logs. */
  readonly endpoint: string;
  readonly #credentials: Credentials;
  readonly #poster: HttpPoster;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  #lastId = 0;

  /** @throws NodeOptionsError */
  constructor(options: NodeRpcOptions) {
    const { url, ...inUrl } = parseNodeUrl(options.url);
    this.#credentials = chooseCredentials(inUrl, options);
    this.endpoint = url.href;
    this.#poster = new HttpPoster(url, options.maxResponseBytes ?? 64 * 1024 * 1024);
    this.#clock = options.ports.clock;
    this.#timeoutMs = options.timeoutMs ?? 30_000;
  }

  /**
   * Calls a method and returns its `result`.
   *
   * @throws NodeRpcError
   */
  async call(
    method: string,
    params: readonly unknown[] | Readonly<Record<string, unknown>> = [],
    options: NodeCallOptions = {},
  ): Promise<unknown> {
    const timeoutMs = options.timeoutMs ?? this.#timeoutMs;
    const stop = new AbortController();
    const abort = () => stop.abort(new NodeRpcError({ code: "aborted" }));
    if (options.signal?.aborted) abort();
    options.signal?.addEventListener("abort", abort, { once: true });
    const timer = this.#clock.after(timeoutMs, () =>
      stop.abort(new NodeRpcError({ code: "timeout", timeoutMs }, `${method}: no answer in ${timeoutMs} ms`)),
    );
    try {
      const id = ++this.#lastId;
      const answer = await this.#post(JSON.stringify({ jsonrpc: "1.0", id, method, params }), stop.signal);
      return readAnswer(answer, id);
    } finally {
      timer.cancel();
      options.signal?.removeEventListener("abort", abort);
    }
  }

  /** Closes the kept connections; calls under way fail as `unreachable`. */
  close(): void {
    this.#poster.close();
  }

  async #post(body: string, signal: AbortSignal): Promise<HttpAnswer> {
    const authorization = await this.#credentials.current();
    const answer = await this.#poster.post(body, authorization, signal);
    if (answer.status !== 401) return answer;
    const renewed = await this.#credentials.renewed(authorization);
    return renewed === undefined ? answer : await this.#poster.post(body, renewed, signal);
  }
}

function readAnswer({ status, body }: HttpAnswer, id: number): unknown {
  if (status === 401 || status === 403) throw new NodeRpcError({ code: "unauthorized", status });
  if (status === 503) throw new NodeRpcError({ code: "busy" });
  let envelope: { id?: unknown; result?: unknown; error?: { code?: unknown; message?: unknown } | null };
  try {
    envelope = JSON.parse(body.toString("utf8"));
  } catch (error) {
    throw new NodeRpcError({ code: "malformed", status, reason: "json" }, undefined, { cause: error });
  }
  if (typeof envelope !== "object" || envelope === null) {
    throw new NodeRpcError({ code: "malformed", status, reason: "envelope" });
  }
  const { error } = envelope;
  if (error !== null && error !== undefined) {
    const rpcMessage = String(error.message);
    throw new NodeRpcError({ code: "rpc", rpcCode: Number(error.code), rpcMessage }, rpcMessage);
  }
  if (envelope.id !== id) throw new NodeRpcError({ code: "malformed", status, reason: "id" });
  if (envelope.result === undefined)
    throw new NodeRpcError({ code: "malformed", status, reason: "envelope" });
  return envelope.result;
}

function chooseCredentials(inUrl: { user: string; password: string }, options: NodeRpcOptions): Credentials {
  const given: Credentials[] = [];
  if (inUrl.user !== "") given.push(passwordCredentials(inUrl.user, inUrl.password));
  if (options.user !== undefined) given.push(passwordCredentials(options.user, options.password ?? ""));
  if (options.cookieFile !== undefined) given.push(cookieCredentials(options.cookieFile));
  const [credentials] = given;
  if (credentials === undefined) {
    throw new NodeOptionsError(
      { code: "no-credentials" },
      "the node needs credentials: the path of its cookie file, or user and password",
    );
  }
  if (given.length > 1) {
    throw new NodeOptionsError(
      { code: "ambiguous-credentials" },
      "the node's credentials are given more than once: keep the cookie file, the user, or those in the URL",
    );
  }
  return credentials;
}
