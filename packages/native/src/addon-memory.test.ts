import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Worker } from "node:worker_threads";
import { beforeAll, describe, expect, it } from "vitest";
import { addonNative, addonPath, loadAddon } from "./addon.ts";
import { addon } from "./backends-under-test.ts";
import type { Native } from "./contract.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

const COUNT = 500;
const suffix = new Uint8Array(60_000);
const parts = {
  coinbaseTxPrefix: suffix,
  coinbaseTxSuffix: suffix,
  merklePath: new Uint8Array(0),
  prevHash: new Uint8Array(32),
  nbits: 0,
};
/** What the jobs hold: their suffixes, for of the prefix only the midstate is kept. */
const held = COUNT * suffix.length;

describe.skipIf(typeof addon === "string")(
  typeof addon === "string" ? `the addon's memory, skipped: ${addon}` : "the addon's memory",
  () => {
    let native: Native;
    let external: () => number;
    beforeAll(async () => {
      const binding = loadAddon();
      native = addonNative(binding);
      external = () => binding.externalMemory();
      // What other tests of this process have forgotten must be gone before anything is measured.
      for (let before = Infinity; external() < before; ) {
        before = external();
        for (let turn = 0; turn < 20; turn++) {
          collectGarbage();
          await setImmediate();
        }
      }
    });

    it("is reported to the garbage collector until it is freed", () => {
      const before = external();
      const jobs = Array.from({ length: COUNT }, () => native.createJob(parts));
      const ciphers = Array.from({ length: COUNT }, () => native.createCipher(new Uint8Array(32)));
      expect(external() - before).toBeGreaterThan(held * 0.8);
      for (const handle of [...jobs, ...ciphers]) handle.free();
      expect(external() - before).toBeLessThan(held / 5);
    });

    it("is released when handles are forgotten", async () => {
      collectGarbage();
      const before = external();
      for (let count = 0; count < COUNT; count++) {
        native.createJob(parts);
        native.createCipher(new Uint8Array(32));
      }
      for (let turn = 0; turn < 200 && external() - before > held / 5; turn++) {
        collectGarbage();
        await setImmediate();
      }
      expect(external() - before).toBeLessThan(held / 5);
    });

    it("survives threads that load the addon and end with handles open", async () => {
      const code = `
        const { workerData, parentPort } = require("node:worker_threads");
        const binding = require(workerData).load((code, message) => new Error(code + ": " + message));
        const cipher = new binding.Cipher(new Uint8Array(32));
        const job = new binding.Job(new Uint8Array(9), new Uint8Array(9), new Uint8Array(0), new Uint8Array(32), 1);
        let refused;
        try { new binding.Cipher(1); } catch (error) { refused = error.message; }
        parentPort.postMessage(refused);`;
      const ends = Array.from({ length: 3 }, async () => {
        const worker = new Worker(code, { eval: true, workerData: addonPath() });
        const messages: unknown[] = [];
        worker.on("message", (message) => messages.push(message));
        const exitCode = await new Promise((resolve, reject) => {
          worker.on("exit", resolve);
          worker.on("error", reject);
        });
        return { exitCode, messages };
      });
      for (const end of await Promise.all(ends)) {
        expect(end).toEqual({ exitCode: 0, messages: ["invalid-argument: key must be a Uint8Array"] });
      }
      expect(native.sha256d(suffix)).toHaveLength(32);
    });
  },
);
