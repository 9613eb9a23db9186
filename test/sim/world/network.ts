import type { Prng } from "@lode/testing/random";
import type { MemoryFault } from "@lode/transport/testing";
import type { World } from "./world.ts";

/** The network between miners and pool: frames are late, connections break, miners do not read. */
export class Network {
  readonly #world: World;
  readonly #prng: Prng;
  /** Probability that a frame breaks its connection. */
  breaks = 0;
  /** Probability that a frame is late. */
  delays = 0;
  /** Nothing gets through before this virtual time. */
  stalledUntil = 0;
  /** Whoever does not read, and until when. */
  readonly #notReading = new WeakMap<object, number>();

  constructor(world: World) {
    this.#world = world;
    this.#prng = world.prng.fork();
  }

  /** This miner does not read for a while. */
  stopReading(miner: object, ms: number): void {
    this.#notReading.set(miner, this.#world.clock.monotonic() + ms);
    this.#world.fault("slow-reader");
  }

  /** All frames are held back for a while. */
  stall(ms: number): void {
    this.stalledUntil = this.#world.clock.monotonic() + ms;
    this.#world.fault("network-stall");
  }

  /** The network works again. */
  heal(): void {
    this.breaks = 0;
    this.delays = 0;
    this.stalledUntil = 0;
  }

  /** The faults of one miner's connection, whose first end is the pool's. */
  faults(miner: object): (frame: Uint8Array, from: 0 | 1) => MemoryFault | null {
    return (_frame, from) => {
      const now = this.#world.clock.monotonic();
      const until = Math.max(this.stalledUntil, from === 0 ? (this.#notReading.get(miner) ?? 0) : 0);
      if (until > now) return { kind: "delay", ms: until - now };
      if (this.breaks > 0 && this.#prng.chance(this.breaks)) {
        this.#world.fault("connection-reset");
        return { kind: "reset" };
      }
      if (this.delays > 0 && this.#prng.chance(this.delays)) {
        this.#world.fault("frame-late");
        return { kind: "delay", ms: this.#prng.between(1, 3_000) };
      }
      return null;
    };
  }
}
