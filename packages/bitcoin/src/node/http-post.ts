import http from "node:http";
import https from "node:https";
import { NodeRpcError } from "./rpc-error.ts";

/**
 * Bitcoin Core cuts a connection that was idle for 30 s (rpcservertimeout); ours go before, so that a request is hardly
 * ever written into a connection that is being closed.
 */
const MAX_IDLE_MS = 20_000;
/** One waits in a long poll, others submit and look around; more only costs the node's rpcthreads. */
const MAX_SOCKETS = 8;

/** An answer, read to its end. */
export interface HttpAnswer {
  status: number;
  body: Buffer;
}

/** Posts JSON to one URL over a few kept connections. */
export class HttpPoster {
  readonly #url: URL;
  readonly #agent: http.Agent;
  readonly #maxResponseBytes: number;

  constructor(url: URL, maxResponseBytes: number) {
    const options = { keepAlive: true, timeout: MAX_IDLE_MS, maxSockets: MAX_SOCKETS, maxFreeSockets: 2 };
    this.#url = url;
    this.#agent = url.protocol === "https:" ? new https.Agent(options) : new http.Agent(options);
    this.#maxResponseBytes = maxResponseBytes;
  }

  /**
   * @param signal ends the exchange; its reason is thrown
   * @throws NodeRpcError `unreachable`, `too-large`; the signal's reason
   */
  async post(body: string, authorization: string, signal: AbortSignal): Promise<HttpAnswer> {
    try {
      return await this.#exchange(body, authorization, signal);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (error instanceof NodeRpcError) throw error;
      const { code: errno = "unknown", message } = error as NodeJS.ErrnoException;
      throw new NodeRpcError({ code: "unreachable", errno }, message, { cause: error });
    }
  }

  #exchange(body: string, authorization: string, signal: AbortSignal): Promise<HttpAnswer> {
    const limit = this.#maxResponseBytes;
    const { request } = this.#url.protocol === "https:" ? https : http;
    return new Promise((resolve, reject) => {
      const outgoing = request(this.#url, {
        method: "POST",
        agent: this.#agent,
        signal,
        headers: {
          authorization,
          "content-type": "application/json",
          "content-length": Buffer.byteLength(body),
        },
      });
      outgoing.on("error", reject);
      outgoing.on("response", (incoming) => {
        const chunks: Buffer[] = [];
        let length = 0;
        incoming.on("data", (chunk: Buffer) => {
          length += chunk.length;
          if (length > limit) outgoing.destroy(new NodeRpcError({ code: "too-large", limit }));
          else chunks.push(chunk);
        });
        incoming.on("error", reject);
        incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, body: Buffer.concat(chunks) }));
      });
      outgoing.end(body);
    });
  }

  /** Closes every connection; exchanges under way fail as `unreachable`. */
  close(): void {
    this.#agent.destroy();
  }
}
