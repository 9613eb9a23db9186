import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { nativeEnvironment } from "@lode/native";
import { silentLogger, systemClock, systemRandom } from "@lode/ports";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { loadCurve } from "../curve/load-curve.ts";
import { ServerIdentity } from "../identity/server-identity.ts";
import { generateHandshakeKey, generateKeypair } from "../keys/keypair.ts";
import { HandshakeError } from "../noise/handshake-error.ts";
import { Initiator } from "../noise/initiator.ts";
import type { Handshaker } from "./handshaker.ts";
import { createInlineHandshaker } from "./inline.ts";
import { createThreadedHandshaker, type ThreadedHandshakerOptions } from "./threaded.ts";

const authority = generateKeypair(systemRandom);
const identity = ServerIdentity.create({
  authoritySecret: authority.secretKey,
  random: systemRandom,
  clock: systemClock,
});
const curve = loadCurve();
const opened: Handshaker[] = [];
const directory = mkdtempSync(join(tmpdir(), "lode-transport-"));

afterEach(async () => {
  await Promise.all(opened.splice(0).map((handshaker) => handshaker.close()));
});
afterAll(() => rmSync(directory, { recursive: true }));

async function threaded(options: Partial<ThreadedHandshakerOptions> = {}): Promise<Handshaker> {
  const handshaker = await createThreadedHandshaker(identity, {
    clock: systemClock,
    logger: silentLogger,
    threads: 1,
    ephemeralKeys: 4,
    ...options,
  });
  opened.push(handshaker);
  return handshaker;
}

/** A worker entry with this body; `parentPort` is in scope. */
function plantedEntry(name: string, body: string): URL {
  const path = join(directory, `${name}.mjs`);
  writeFileSync(path, `import { parentPort } from "node:worker_threads";\n${body}\n`);
  return pathToFileURL(path);
}

const codeOf = (error: unknown): string => (error instanceof HandshakeError ? error.code : String(error));

async function shake(handshaker: Handshaker): Promise<void> {
  const initiator = new Initiator(curve, generateHandshakeKey(curve, systemRandom));
  const answer = await handshaker.respond(initiator.act1);
  const result = initiator.readAct2(answer.act2);
  expect(result.sendKey).toEqual(answer.receiveKey);
  expect(result.receiveKey).toEqual(answer.sendKey);
  expect(result.serverKey).toEqual(identity.staticKey.publicKey);
  expect(result.certificate).toEqual(identity.certificate());
}

describe.each([
  ["inline", async () => createInlineHandshaker(identity, { random: systemRandom })],
  [
    "inline, over noble",
    async () => createInlineHandshaker(identity, { random: systemRandom, backend: "noble" }),
  ],
  ["threaded", () => threaded()],
  ["threaded, over noble", () => threaded({ backend: "noble" })],
] as const)("a handshaker %s", (name, create) => {
  it("answers handshakes and says what multiplies points", async () => {
    const handshaker = await create();
    expect(handshaker.backend).toBe(name.endsWith("noble") ? "noble" : curve.backend);
    await Promise.all(Array.from({ length: 8 }, () => shake(handshaker)));
    expect(handshaker.pending).toBe(0);
  });

  it("never uses an ephemeral key twice", async () => {
    const handshaker = await create();
    const act1 = generateHandshakeKey(curve, systemRandom).encoded;
    const answers = await Promise.all(Array.from({ length: 8 }, () => handshaker.respond(act1)));
    const keys = answers.map(({ act2 }) => Buffer.from(act2.subarray(0, 64)).toString("hex"));
    expect(new Set(keys).size).toBe(keys.length);
  });

  it("refuses a message of another length", async () => {
    const handshaker = await create();
    await expect(handshaker.respond(new Uint8Array(63))).rejects.toThrow("bad-length");
  });

  it("refuses everything once closed", async () => {
    const handshaker = await create();
    await handshaker.close();
    await expect(handshaker.respond(new Uint8Array(64))).rejects.toThrow("handshaker-closed");
  });
});

describe("threads", () => {
  const ready = 'parentPort.postMessage({ kind: "ready" });';

  it("say what to do when the package is not built", async () => {
    const entry = pathToFileURL(join(directory, "missing.js"));
    await expect(threaded({ entry })).rejects.toThrow("npm run build");
  });

  it("that do not start are reported at once", async () => {
    const entry = plantedEntry("false-start", 'throw new Error("no");');
    await expect(threaded({ entry })).rejects.toThrow("a handshake thread ended");
  });

  it("take a bounded number of handshakes", async () => {
    const entry = plantedEntry("silent", `${ready} parentPort.on("message", () => {});`);
    const handshaker = await threaded({ entry, maxPending: 3 });
    const results = Array.from({ length: 5 }, () => handshaker.respond(new Uint8Array(64)).catch(codeOf));
    expect(await Promise.all(results.slice(3))).toEqual(["handshaker-busy", "handshaker-busy"]);
    expect(handshaker.pending).toBe(3);
    await handshaker.close();
    expect(await Promise.all(results.slice(0, 3))).toEqual(Array(3).fill("handshaker-closed"));
  });

  it("that die reject what they owe and are replaced", async () => {
    const entry = plantedEntry(
      "mortal",
      `${ready}
      parentPort.on("message", ({ id, act1 }) => {
        if (act1[0] === 1) throw new Error("planted");
        parentPort.postMessage({ kind: "done", id, result: { act2: act1, sendKey: act1, receiveKey: act1 } });
      });`,
    );
    const handshaker = await threaded({ entry });
    const deadly = new Uint8Array(64).fill(1);
    await expect(handshaker.respond(deadly)).rejects.toThrow("worker-crashed");
    expect(handshaker.pending).toBe(0);
    const answer = await handshaker.respond(new Uint8Array(64));
    expect(answer.act2).toEqual(new Uint8Array(64));
  });

  it("compute with the native backend of the process, and see nothing else of its environment", async () => {
    const entry = plantedEntry(
      "telling",
      `${ready}
      parentPort.on("message", ({ id, act1 }) => {
        const act2 = Buffer.from(JSON.stringify(process.env));
        parentPort.postMessage({ kind: "done", id, result: { act2, sendKey: act1, receiveKey: act1 } });
      });`,
    );
    const handshaker = await threaded({ entry });
    const { act2 } = await handshaker.respond(new Uint8Array(64));
    expect(JSON.parse(Buffer.from(act2).toString())).toEqual(nativeEnvironment());
  });

  it("share the work", async () => {
    const entry = plantedEntry(
      "telling",
      `${ready}
      import { threadId } from "node:worker_threads";
      const act2 = Uint8Array.of(threadId);
      parentPort.on("message", ({ id }) => {
        parentPort.postMessage({ kind: "done", id, result: { act2, sendKey: act2, receiveKey: act2 } });
      });`,
    );
    const handshaker = await threaded({ entry, threads: 2 });
    const answers = await Promise.all(
      Array.from({ length: 4 }, () => handshaker.respond(new Uint8Array(64))),
    );
    expect(new Set(answers.map(({ act2 }) => act2[0])).size).toBe(2);
  });

  it("may be closed in the middle of handshakes", async () => {
    for (let i = 0; i < 10; i++) {
      const handshaker = await threaded();
      const answers = Array.from({ length: 40 }, () => handshaker.respond(new Uint8Array(64)).catch(codeOf));
      await answers[0];
      await handshaker.close();
      expect(await answers.at(-1)).toBe("handshaker-closed");
    }
  });

  it("let the process end in the middle of handshakes", async () => {
    const built = (name: string): string => new URL(`../../../${name}/dist/index.js`, import.meta.url).href;
    const script = `
      import { silentLogger, systemClock, systemRandom } from "${built("ports")}";
      import { createThreadedHandshaker, generateKeypair, ServerIdentity } from "${built("transport")}";
      const ports = { clock: systemClock, random: systemRandom, logger: silentLogger };
      const authoritySecret = generateKeypair(systemRandom).secretKey;
      const identity = ServerIdentity.create({ ...ports, authoritySecret });
      const handshaker = await createThreadedHandshaker(identity, { ...ports, threads: 2 });
      const answers = Array.from({ length: 200 }, () => handshaker.respond(new Uint8Array(64)));
      await answers[Number(process.argv[1])];
      process.exit(7);`;
    const run = promisify(execFile);
    for (const after of ["0", "5", "10", "20"]) {
      const ending = run(process.execPath, ["--input-type=module", "--eval", script, after], { env: {} });
      await expect(ending).rejects.toMatchObject({ code: 7, stderr: "" });
    }
  });
});
