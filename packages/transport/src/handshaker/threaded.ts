import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import type { Clock, Logger, Timer } from "@lode/ports";
import type { CurveBackend } from "../curve/curve.ts";
import { loadCurve } from "../curve/load-curve.ts";
import type { ServerIdentity } from "../identity/server-identity.ts";
import { HandshakeError } from "../noise/handshake-error.ts";
import { ACT1_SIZE, type ResponderResult } from "../noise/responder.ts";
import type { Handshaker } from "./handshaker.ts";
import type { WorkerStart } from "./worker-protocol.ts";
import { WorkerSlot } from "./worker-slot.ts";

/** What {@link createThreadedHandshaker} takes. */
export interface ThreadedHandshakerOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Default: one less than the processors there are, 1 to 4. */
  readonly threads?: number;
  /** Handshakes that may wait in all; further ones are refused. About a second's work by default. */
  readonly maxPending?: number;
  /** Ephemeral keys each thread makes in idle time. */
  readonly ephemeralKeys?: number;
  /** Default: the fastest that loads. */
  readonly backend?: CurveBackend;
  /** The thread's built entry; tests put a failing one here. */
  readonly entry?: URL;
}

/** The same path from the sources and from the build, so that every runner starts built JavaScript. */
const BUILT_ENTRY = new URL("../../dist/handshaker/worker.js", import.meta.url);
const DEFAULT_MAX_PENDING = 2_048;
const DEFAULT_EPHEMERAL_KEYS = 256;
/** Pause before a thread that did not even start is tried again. */
const RESTART_MS = 1_000;

/**
 * A handshaker whose work is done by threads, so that the event loop never waits for a point multiplication. A thread that
 * dies is replaced; only what it was asked for is lost.
 *
 * @throws HandshakeError `worker-missing` if the package is not built, `worker-crashed` if the threads do not start
 */
export async function createThreadedHandshaker(
  identity: ServerIdentity,
  options: ThreadedHandshakerOptions,
): Promise<Handshaker> {
  const path = fileURLToPath(options.entry ?? BUILT_ENTRY);
  if (!existsSync(path)) {
    throw new HandshakeError(
      { code: "worker-missing", path },
      `${path} is missing: run \`npm run build\` first`,
    );
  }
  const handshaker = new ThreadedHandshaker(identity, options);
  try {
    await handshaker.started();
  } catch (error) {
    await handshaker.close();
    throw error;
  }
  return handshaker;
}

class ThreadedHandshaker implements Handshaker {
  readonly backend: CurveBackend;
  readonly #identity: ServerIdentity;
  readonly #options: ThreadedHandshakerOptions;
  readonly #start: Omit<WorkerStart, "gate">;
  readonly #maxPending: number;
  readonly #slots = new Set<WorkerSlot>();
  readonly #restarts = new Set<Timer>();
  #closed = false;

  constructor(identity: ServerIdentity, options: ThreadedHandshakerOptions) {
    this.#identity = identity;
    this.#options = options;
    this.backend = loadCurve(options.backend).backend;
    this.#maxPending = options.maxPending ?? DEFAULT_MAX_PENDING;
    this.#start = {
      staticKey: identity.staticKey,
      backend: this.backend,
      ephemeralKeys: options.ephemeralKeys ?? DEFAULT_EPHEMERAL_KEYS,
    };
    const threads = options.threads ?? Math.min(4, Math.max(1, availableParallelism() - 1));
    for (let i = 0; i < threads; i++) this.#add();
    process.on("exit", this.#halt);
  }

  get pending(): number {
    let pending = 0;
    for (const slot of this.#slots) pending += slot.pending;
    return pending;
  }

  /** Resolves when every first thread runs. */
  async started(): Promise<void> {
    await Promise.all([...this.#slots].map((slot) => slot.ready));
  }

  async respond(act1: Uint8Array): Promise<ResponderResult> {
    if (this.#closed) throw new HandshakeError({ code: "handshaker-closed" });
    if (act1.length !== ACT1_SIZE) {
      throw new HandshakeError({ code: "bad-length", expected: ACT1_SIZE, actual: act1.length });
    }
    if (this.pending >= this.#maxPending) {
      throw new HandshakeError({ code: "handshaker-busy", limit: this.#maxPending });
    }
    let best: WorkerSlot | null = null;
    for (const slot of this.#slots) if (best === null || slot.pending < best.pending) best = slot;
    if (best === null) throw new HandshakeError({ code: "worker-crashed" });
    return best.respond(act1, this.#identity.certificate());
  }

  async close(): Promise<void> {
    this.#closed = true;
    process.off("exit", this.#halt);
    for (const timer of this.#restarts) timer.cancel();
    this.#restarts.clear();
    const slots = [...this.#slots];
    this.#slots.clear();
    await Promise.all(slots.map((slot) => slot.close()));
  }

  /** A process that ends takes its threads along, wherever they are. */
  readonly #halt = (): void => {
    for (const slot of this.#slots) slot.halt();
  };

  #add(): void {
    const slot = new WorkerSlot(this.#options.entry ?? BUILT_ENTRY, this.#start, (wasRunning, cause) => {
      this.#slots.delete(slot);
      if (this.#closed) return;
      this.#options.logger.error({ err: cause, was_running: wasRunning }, "a handshake thread ended");
      if (wasRunning) this.#add();
      else this.#addLater();
    });
    this.#slots.add(slot);
  }

  #addLater(): void {
    const timer = this.#options.clock.after(RESTART_MS, () => {
      this.#restarts.delete(timer);
      this.#add();
    });
    this.#restarts.add(timer);
  }
}
