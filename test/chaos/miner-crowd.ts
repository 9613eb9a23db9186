import { LoadMiner, type LoadMinerOptions } from "./load-miner.ts";

const TICK_MS = 20;
/** After a pause of the process, lost time beyond this is not made up for, milliseconds. */
const MAX_CATCH_UP_MS = 100;

/** Miners that share one thread, each at its own steady rate. */
export class MinerCrowd {
  readonly miners: readonly LoadMiner[];
  readonly #ticks: ReturnType<typeof setInterval>;
  #last = Date.now();

  /** Half of the miners open extended channels. */
  constructor(count: number, options: Omit<LoadMinerOptions, "name" | "kind">, prefix: string) {
    this.miners = Array.from(
      { length: count },
      (_, index) =>
        new LoadMiner({
          ...options,
          name: `${prefix}${index}`,
          kind: index % 2 === 0 ? "extended" : "standard",
        }),
    );
    this.#ticks = setInterval(() => this.#tick(options.hashesPerSecond), TICK_MS);
  }

  /** A figure added up over the miners. */
  sum(of: (miner: LoadMiner) => number): number {
    return this.miners.reduce((total, miner) => total + of(miner), 0);
  }

  /** Rejections by code. */
  rejected(): Record<string, number> {
    const totals: Record<string, number> = {};
    for (const { rejected } of this.miners) {
      for (const [code, count] of rejected) totals[code] = (totals[code] ?? 0) + count;
    }
    return totals;
  }

  /** No more shares; answers are still taken. */
  rest(): void {
    clearInterval(this.#ticks);
    for (const miner of this.miners) miner.rest();
  }

  stop(): void {
    clearInterval(this.#ticks);
    for (const miner of this.miners) miner.stop();
  }

  #tick(hashesPerSecond: number): void {
    const now = Date.now();
    const hashes = Math.floor((Math.min(now - this.#last, MAX_CATCH_UP_MS) * hashesPerSecond) / 1000);
    this.#last = now;
    for (const miner of this.miners) miner.mine(hashes);
  }
}
