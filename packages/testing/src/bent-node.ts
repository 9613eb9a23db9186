import { readFileSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import type { DevnetNode } from "@lode/devnet";

/** How answers are changed on their way. All may be set while the proxy runs. */
export interface Bending {
  /** Gets each answer's `result`, returns what the client is told. Throw {@link BentError} for an error of the node. */
  result?: ((method: string, result: unknown, params: readonly unknown[]) => unknown) | undefined;
  /** Every request is answered with this status and no JSON: a proxy, a web server, wrong credentials. */
  status?: number | undefined;
}

/** An error answer of the node. */
export class BentError extends Error {
  readonly rpcCode: number;

  constructor(rpcCode: number, message: string) {
    super(message);
    this.rpcCode = rpcCode;
  }
}

/** The built-in node behind a proxy that changes single fields of its JSON-RPC answers. */
export interface BentNode extends Bending {
  /** With credentials the node takes. */
  readonly url: string;
  /** Methods that were called, oldest first. */
  readonly called: string[];
  close(): Promise<void>;
}

/** Puts a bending proxy in front of a node that has a cookie. */
export async function startBentNode(node: DevnetNode, bending: Bending = {}, port = 0): Promise<BentNode> {
  if (node.cookieFile === undefined) throw new Error("the node has no cookie");
  const [user = "", password = ""] = readFileSync(node.cookieFile, "utf8").split(":");
  const called: string[] = [];
  const server = http.createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (bent.status !== undefined) {
      response.writeHead(bent.status).end("<html>no node here</html>");
      return;
    }
    const body = Buffer.concat(chunks).toString();
    const { method, params, id } = JSON.parse(body) as { method: string; params: unknown[]; id: unknown };
    called.push(method);
    const headers = {
      authorization: request.headers.authorization ?? "",
      "content-type": "application/json",
    };
    try {
      const answer = await fetch(node.url, { method: "POST", headers, body });
      const text = await answer.text();
      const parsed = answer.ok ? (JSON.parse(text) as { result: unknown }) : null;
      if (parsed === null || bent.result === undefined) {
        response.writeHead(answer.status).end(text);
        return;
      }
      const result = bent.result(method, parsed.result, params);
      response.end(JSON.stringify({ result, error: null, id }));
    } catch (error) {
      if (!(error instanceof BentError)) {
        response.destroy();
        return;
      }
      const { rpcCode: code, message } = error;
      response.writeHead(500).end(JSON.stringify({ result: null, error: { code, message }, id }));
    }
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const bent: BentNode = {
    ...bending,
    url: `http://${user}:${password.trim()}@127.0.0.1:${(server.address() as AddressInfo).port}`,
    called,
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => void server.close(() => resolve()));
    },
  };
  return bent;
}
