import type { Random } from "@lode/ports";
import type { Curve } from "../curve/curve.ts";
import { generateHandshakeKey, type HandshakeKey } from "../keys/keypair.ts";

/**
 * Ephemeral keys made in idle time, each used once: making one is a third of a handshake, and more than all of the rest
 * where the native addon is missing. The taker wipes the secret.
 */
export class EphemeralPool {
  readonly #curve: Curve;
  readonly #random: Random;
  readonly #capacity: number;
  readonly #keys: HandshakeKey[] = [];

  /** @param capacity most keys kept; 0 makes every key on demand */
  constructor(curve: Curve, random: Random, capacity: number) {
    this.#curve = curve;
    this.#random = random;
    this.#capacity = capacity;
  }

  /** True while there is room for another key. */
  get hasRoom(): boolean {
    return this.#keys.length < this.#capacity;
  }

  /** A key nobody else gets. */
  take(): HandshakeKey {
    return this.#keys.pop() ?? generateHandshakeKey(this.#curve, this.#random);
  }

  /** Makes one key, if there is room. */
  refill(): void {
    if (this.hasRoom) this.#keys.push(generateHandshakeKey(this.#curve, this.#random));
  }

  /** Wipes the keys that are left. */
  wipe(): void {
    for (const { secretKey } of this.#keys.splice(0)) secretKey.fill(0);
  }
}
