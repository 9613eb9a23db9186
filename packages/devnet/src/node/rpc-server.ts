import { createHash, timingSafeEqual } from "node:crypto";
import http from "node:http";
import type { AddressInfo } from "node:net";
import type { Clock } from "@lode/ports";
import type { RpcAnswer } from "./rpc-dispatch.ts";

/** Largest request, bytes: a block of 4 MB as hex, and some. */
const MAX_BODY = 9 * 1024 * 1024;
/** Clients at once, long polls included. */
const MAX_CONNECTIONS = 64;
/** Core's rpcservertimeout. */
const IDLE_MS = 30_000;
/** What is still under way this long after {@link RpcServer.close} is cut off, milliseconds. */
const CLOSE_MS = 2_000;

/** How a {@link RpcServer} is set up. */
export interface RpcServerOptions {
  host: string;
  /** 0 takes any free one. */
  port: number;
  /** `user:password` pairs that are let in. */
  logins: readonly string[];
  answer(text: string, signal: AbortSignal): Promise<RpcAnswer>;
  clock: Clock;
}

/** JSON-RPC over HTTP with Basic authentication, as bitcoind serves it. */
export class RpcServer {
  readonly #options: RpcServerOptions;
  readonly #logins: readonly Buffer[];
  readonly #server: http.Server;
  #underWay = 0;
  #closing = false;

  constructor(options: RpcServerOptions) {
    this.#options = options;
    this.#logins = options.logins.map(digest);
    this.#server = http.createServer({ keepAliveTimeout: IDLE_MS }, (request, response) => {
      if (!this.#isLetIn(request)) {
        response.writeHead(401, { "www-authenticate": 'Basic realm="jsonrpc"' }).end();
        return;
      }
      if (request.method !== "POST" || request.url !== "/") {
        response.writeHead(request.method === "POST" ? 404 : 405).end();
        return;
      }
      this.#serve(request, response);
    });
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /** Starts listening; the port it got. Rejects when the address is taken. */
  listen(): Promise<number> {
    const { host, port } = this.#options;
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, host, () => {
        this.#server.off("error", reject);
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  /** Stops listening; resolves when the requests under way are answered, or cut off after two seconds. */
  close(): Promise<void> {
    this.#closing = true;
    const late = this.#options.clock.after(CLOSE_MS, () => this.#server.closeAllConnections());
    return new Promise((resolve) => {
      this.#server.close(() => {
        late.cancel();
        resolve();
      });
      this.#closeIfDone();
    });
  }

  #closeIfDone(): void {
    if (this.#closing && this.#underWay === 0) this.#server.closeAllConnections();
  }

  #isLetIn(request: http.IncomingMessage): boolean {
    const [scheme, encoded = ""] = (request.headers.authorization ?? "").split(" ");
    const login = digest(Buffer.from(encoded, "base64").toString("utf8"));
    return scheme === "Basic" && this.#logins.some((one) => timingSafeEqual(one, login));
  }

  #serve(request: http.IncomingMessage, response: http.ServerResponse): void {
    const chunks: Buffer[] = [];
    let length = 0;
    request.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length > MAX_BODY) request.destroy();
      else chunks.push(chunk);
    });
    const gone = new AbortController();
    response.on("close", () => gone.abort());
    request.on("error", () => gone.abort());
    request.on("end", () => {
      this.#underWay++;
      response.on("close", () => {
        this.#underWay--;
        this.#closeIfDone();
      });
      void this.#options
        .answer(Buffer.concat(chunks).toString("utf8"), gone.signal)
        .then(({ status, body }) => {
          response.writeHead(status, { "content-type": "application/json" });
          response.end(body === undefined ? undefined : `${JSON.stringify(body)}\n`);
        });
    });
  }
}

/** Logins are compared by digest, so that neither their bytes nor their lengths take time to tell. */
function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
