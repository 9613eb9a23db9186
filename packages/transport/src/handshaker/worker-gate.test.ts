import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { WorkerGate } from "./worker-gate.ts";

describe("a worker gate", () => {
  it("lets the thread in until it is shut", () => {
    const gate = new WorkerGate();
    expect(gate.enter()).toBe(true);
    gate.leave();
    expect(gate.enter()).toBe(true);
    gate.leave();
    gate.shut();
    gate.shut();
    expect(gate.enter()).toBe(false);
  });

  it("does not come back from shutting while the thread is inside", async () => {
    const gate = new WorkerGate();
    const left = new Int32Array(new SharedArrayBuffer(4));
    const built = new URL("../../dist/handshaker/worker-gate.js", import.meta.url).href;
    const thread = new Worker(
      `const { parentPort, workerData } = require("node:worker_threads");
      import("${built}").then(({ WorkerGate }) => {
        const gate = new WorkerGate(workerData.shared);
        gate.enter();
        parentPort.postMessage("inside");
        Atomics.wait(workerData.left, 0, 0, 50); // a long time inside
        Atomics.store(workerData.left, 0, 1);
        gate.leave();
      });`,
      { eval: true, execArgv: [], workerData: { shared: gate.shared, left } },
    );
    await once(thread, "message");
    gate.shut();
    expect(Atomics.load(left, 0)).toBe(1);
    await once(thread, "exit");
  });
});
