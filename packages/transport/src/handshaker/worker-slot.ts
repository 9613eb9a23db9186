import { Worker } from "node:worker_threads";
import { nativeEnvironment } from "@lode/native";
import { HandshakeError } from "../noise/handshake-error.ts";
import type { ResponderResult } from "../noise/responder.ts";
import { WorkerGate } from "./worker-gate.ts";
import type { WorkerReply, WorkerRequest, WorkerStart } from "./worker-protocol.ts";

interface Waiter {
  resolve(result: ResponderResult): void;
  reject(error: Error): void;
}

/** One handshake thread and what it owes. It keeps the process alive only while it owes something. */
export class WorkerSlot {
  /** Settles when the thread runs, or with why it does not. */
  readonly ready: Promise<void>;
  readonly #worker: Worker;
  readonly #waiters = new Map<number, Waiter>();
  readonly #gate = new WorkerGate();
  #nextId = 0;
  #running = false;
  #closing = false;

  /** @param onGone called once when the thread ended, however that came; `wasRunning` tells a crash from a false start */
  constructor(
    entry: URL,
    start: Omit<WorkerStart, "gate">,
    onGone: (wasRunning: boolean, cause: unknown) => void,
  ) {
    const workerData: WorkerStart = { ...start, gate: this.#gate.shared };
    // Neither a loader's flags nor NODE_OPTIONS reach the thread: its entry is plain built JavaScript.
    const env = nativeEnvironment();
    this.#worker = new Worker(entry, { workerData, execArgv: [], env, name: "lode-handshake" });
    let cause: unknown = null;
    this.ready = new Promise((resolve, reject) => {
      this.#worker.on("message", (reply: WorkerReply) => {
        if (this.#closing) return;
        if (reply.kind === "ready") {
          this.#running = true;
          this.#worker.unref();
          resolve();
        } else {
          this.#settle(reply);
        }
      });
      this.#worker.on("error", (error) => {
        cause = error;
      });
      this.#worker.on("exit", () => {
        reject(new HandshakeError({ code: "worker-crashed" }, "a handshake thread ended", { cause }));
        this.#rejectAll(new HandshakeError({ code: "worker-crashed" }));
        onGone(this.#running, cause);
      });
    });
    this.ready.catch(() => {}); // looked at by whoever starts the first threads only
  }

  /** Handshakes asked for and not answered. */
  get pending(): number {
    return this.#waiters.size;
  }

  respond(act1: Uint8Array, certificate: Uint8Array): Promise<ResponderResult> {
    return new Promise((resolve, reject) => {
      const id = this.#nextId;
      this.#nextId = (id + 1) >>> 0;
      if (this.#waiters.size === 0) this.#worker.ref();
      this.#waiters.set(id, { resolve, reject });
      this.#worker.postMessage({ id, act1, certificate } satisfies WorkerRequest);
    });
  }

  /** Stops the thread's work, blocking for a handshake's length; only then may the thread or the process end. */
  halt(): void {
    this.#gate.shut();
  }

  /** Ends the thread; what it owes is rejected with `handshaker-closed`. */
  async close(): Promise<void> {
    this.#closing = true;
    this.halt();
    this.#rejectAll(new HandshakeError({ code: "handshaker-closed" }));
    this.#worker.ref(); // or the process could end before the thread has
    await this.#worker.terminate();
  }

  #settle(reply: Exclude<WorkerReply, { kind: "ready" }>): void {
    const waiter = this.#waiters.get(reply.id);
    this.#waiters.delete(reply.id);
    if (this.#waiters.size === 0) this.#worker.unref();
    if (reply.kind === "done") waiter?.resolve(reply.result);
    else waiter?.reject(new HandshakeError(reply.error));
  }

  #rejectAll(error: HandshakeError): void {
    const waiters = [...this.#waiters.values()];
    this.#waiters.clear();
    for (const waiter of waiters) waiter.reject(error);
  }
}
