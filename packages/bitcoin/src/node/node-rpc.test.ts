import { mkdtemp, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@lode/ports";
import { afterEach, describe, expect, it } from "vitest";
import { NodeRpc, type NodeRpcOptions } from "./node-rpc.ts";
import type { NodeOptionsError } from "./node-url.ts";
import type { NodeRpcError } from "./rpc-error.ts";

interface Asked {
  method: string;
  params: unknown;
  id: number;
  authorization: string;
  respond(status: number, body: string): void;
  destroy(): void;
}

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A node that does whatever the test says. */
async function startNode(answer: (asked: Asked) => void) {
  let connections = 0;
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      answer({
        ...JSON.parse(Buffer.concat(chunks).toString()),
        authorization: Buffer.from((request.headers.authorization ?? "").slice(6), "base64").toString(),
        respond: (status, body) => response.writeHead(status).end(body),
        destroy: () => response.destroy(),
      });
    });
  });
  server.on("connection", () => connections++);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, connections: () => connections };
}

function client(port: number, options: Partial<NodeRpcOptions> = { user: "u", password: "p" }) {
  const rpc = new NodeRpc({ url: `http://127.0.0.1:${port}`, ports: { clock: systemClock }, ...options });
  cleanups.push(() => rpc.close());
  return rpc;
}

const ok = (asked: Asked, result: unknown) =>
  asked.respond(200, JSON.stringify({ result, error: null, id: asked.id }));

const errorOf = async (promise: Promise<unknown>) => {
  const error = (await promise.then(
    () => undefined,
    (thrown) => thrown,
  )) as NodeRpcError | undefined;
  return error?.type;
};

describe("a call", () => {
  it("posts method, parameters and credentials and returns the result", async () => {
    const node = await startNode((asked) => ok(asked, [asked.method, asked.params, asked.authorization]));
    const rpc = client(node.port);
    expect(await rpc.call("getblockhash", [0])).toEqual(["getblockhash", [0], "u:p"]);
    expect(await rpc.call("uptime")).toEqual(["uptime", [], "u:p"]);
    expect(node.connections()).toBe(1);
  });

  it("takes credentials from the URL and keeps them out of the endpoint's name", async () => {
    const node = await startNode((asked) => ok(asked, asked.authorization));
    const rpc = client(node.port, { url: `http://al%40ice:s%3Acret@127.0.0.1:${node.port}` });
    expect(await rpc.call("uptime")).toBe("al@ice:s:cret");
    expect(rpc.endpoint).toBe(`http://127.0.0.1:${node.port}/`);
  });

  it("hands a null result through", async () => {
    const node = await startNode((asked) => ok(asked, null));
    expect(await client(node.port).call("submitblock", ["00"])).toBeNull();
  });

  it("runs beside a long poll", async () => {
    let finish = () => {};
    const node = await startNode((asked) => {
      if (asked.method === "slow") finish = () => ok(asked, "slow");
      else ok(asked, "fast");
    });
    const rpc = client(node.port);
    const slow = rpc.call("slow");
    expect(await rpc.call("fast")).toBe("fast");
    finish();
    expect(await slow).toBe("slow");
  });
});

describe("a cookie", () => {
  it("is read again when the node was restarted, and the call goes through", async () => {
    const dir = await mkdtemp(join(tmpdir(), "lode-cookie-"));
    cleanups.push(() => rm(dir, { recursive: true }));
    const cookieFile = join(dir, ".cookie");
    let password = "first";
    const node = await startNode((asked) =>
      asked.authorization === `__cookie__:${password}` ? ok(asked, "yes") : asked.respond(401, ""),
    );
    const rpc = client(node.port, { cookieFile });
    expect(await errorOf(rpc.call("uptime"))).toEqual({
      code: "no-cookie",
      path: cookieFile,
      errno: "ENOENT",
    });
    await writeFile(cookieFile, "__cookie__:first\n");
    expect(await rpc.call("uptime")).toBe("yes");
    password = "second";
    expect(await errorOf(rpc.call("uptime"))).toEqual({ code: "unauthorized", status: 401 });
    await writeFile(cookieFile, "__cookie__:second");
    expect(await rpc.call("uptime")).toBe("yes");
  });

  it("that stays the same is not tried twice", async () => {
    const dir = await mkdtemp(join(tmpdir(), "lode-cookie-"));
    cleanups.push(() => rm(dir, { recursive: true }));
    const cookieFile = join(dir, ".cookie");
    await writeFile(cookieFile, "__cookie__:stale");
    let asked = 0;
    const node = await startNode((request) => {
      asked++;
      request.respond(401, "");
    });
    expect(await errorOf(client(node.port, { cookieFile }).call("uptime"))).toEqual({
      code: "unauthorized",
      status: 401,
    });
    expect(asked).toBe(1);
  });
});

describe("a failing call says what is known", () => {
  it.each([
    [
      "the node's own error",
      500,
      '{"result":null,"error":{"code":-28,"message":"Loading"},"id":1}',
      { code: "rpc", rpcCode: -28, rpcMessage: "Loading" },
    ],
    [
      "an error in JSON-RPC 2.0 style",
      200,
      '{"jsonrpc":"2.0","error":{"code":-8,"message":"no"},"id":1}',
      { code: "rpc", rpcCode: -8, rpcMessage: "no" },
    ],
    [
      "an unknown method",
      404,
      '{"result":null,"error":{"code":-32601,"message":"Method not found"},"id":1}',
      { code: "rpc", rpcCode: -32601, rpcMessage: "Method not found" },
    ],
    ["wrong password", 401, "", { code: "unauthorized", status: 401 }],
    ["address not allowed", 403, "", { code: "unauthorized", status: 403 }],
    ["full work queue", 503, "Work queue depth exceeded", { code: "busy" }],
    ["no JSON", 200, "<html>", { code: "malformed", status: 200, reason: "json" }],
    ["JSON of another kind", 200, "7", { code: "malformed", status: 200, reason: "envelope" }],
    ["no result", 200, '{"id":1}', { code: "malformed", status: 200, reason: "envelope" }],
    [
      "somebody else's answer",
      200,
      '{"result":1,"error":null,"id":99}',
      { code: "malformed", status: 200, reason: "id" },
    ],
  ])("%s", async (_name, status, body, expected) => {
    const node = await startNode((asked) => asked.respond(status, body));
    expect(await errorOf(client(node.port).call("uptime"))).toEqual(expected);
  });

  it("nobody listens", async () => {
    const node = await startNode(() => {});
    await cleanups.pop()?.();
    expect(await errorOf(client(node.port).call("uptime"))).toEqual({
      code: "unreachable",
      errno: "ECONNREFUSED",
    });
  });

  it("the connection breaks", async () => {
    const node = await startNode((asked) => asked.destroy());
    expect(await errorOf(client(node.port).call("uptime"))).toEqual({
      code: "unreachable",
      errno: "ECONNRESET",
    });
  });

  it("no answer in time", async () => {
    const node = await startNode(() => {});
    const call = client(node.port).call("getblocktemplate", [], { timeoutMs: 20 });
    expect(await errorOf(call)).toEqual({ code: "timeout", timeoutMs: 20 });
  });

  it("the caller gives up, before or during the call", async () => {
    const stop = new AbortController();
    const node = await startNode(() => stop.abort());
    const rpc = client(node.port);
    expect(await errorOf(rpc.call("uptime", [], { signal: stop.signal }))).toEqual({ code: "aborted" });
    expect(await errorOf(rpc.call("uptime", [], { signal: stop.signal }))).toEqual({ code: "aborted" });
  });

  it("the answer is too large", async () => {
    const node = await startNode((asked) => ok(asked, "x".repeat(200_000)));
    const rpc = client(node.port, { user: "u", maxResponseBytes: 100_000 });
    expect(await errorOf(rpc.call("getblock"))).toEqual({ code: "too-large", limit: 100_000 });
  });
});

describe("options", () => {
  const code = (options: Partial<NodeRpcOptions>) => {
    try {
      client(1, options);
      return undefined;
    } catch (error) {
      return (error as NodeOptionsError).code;
    }
  };

  it("must name a node and one kind of credentials", () => {
    expect(code({ url: "127.0.0.1:8332", user: "u" })).toBe("invalid-node-url");
    expect(code({ url: "ftp://127.0.0.1", user: "u" })).toBe("invalid-node-url");
    expect(code({})).toBe("no-credentials");
    expect(code({ user: "u", cookieFile: "/nowhere" })).toBe("ambiguous-credentials");
    expect(code({ url: "http://u:p@127.0.0.1", user: "u" })).toBe("ambiguous-credentials");
  });
});
