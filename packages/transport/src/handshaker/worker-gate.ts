/** Longest wait for a thread to leave its section; a handshake takes a few milliseconds at most. */
const MAX_WAIT_MS = 200;
const SHUT = 0;
const INSIDE = 1;

/**
 * Keeps a thread from being ended inside native code. libsecp256k1's binding calls back into JavaScript in the middle of an
 * ECDH; ending the thread at that moment raises a C++ exception nobody can catch and aborts the whole process. So the thread
 * works between `enter` and `leave`, and whoever ends it shuts the gate first. Shared by both threads; each side stores
 * before it loads, so either the thread sees the gate shut or the other side sees it inside.
 */
export class WorkerGate {
  /** Goes to the thread in its start data. */
  readonly shared: SharedArrayBuffer;
  readonly #flags: Int32Array;

  constructor(shared: SharedArrayBuffer = new SharedArrayBuffer(8)) {
    this.shared = shared;
    this.#flags = new Int32Array(shared);
  }

  /** The thread's side. False: the gate is shut for good, do nothing more. */
  enter(): boolean {
    Atomics.store(this.#flags, INSIDE, 1);
    if (Atomics.load(this.#flags, SHUT) === 0) return true;
    this.leave();
    return false;
  }

  /** The thread's side. */
  leave(): void {
    Atomics.store(this.#flags, INSIDE, 0);
    Atomics.notify(this.#flags, INSIDE);
  }

  /** The other side: lets nobody in any more and blocks until nobody is inside, for milliseconds. Safe to call twice. */
  shut(): void {
    Atomics.store(this.#flags, SHUT, 1);
    Atomics.wait(this.#flags, INSIDE, 1, MAX_WAIT_MS);
  }
}
