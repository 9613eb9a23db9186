import { setTimeout as pause } from "node:timers/promises";
import { type Counts, countIn } from "./counts.ts";
import { type Sv1Miner, startSv1Miner } from "./sv1-miner.ts";
import type { Workbench } from "./workbench.ts";

/** The farm's places: the worker's name, its hashes per second, and whether it rolls versions. */
export const RIGS = [
  { name: "rig-a", hashesPerSecond: 20_000, rollsVersion: true },
  { name: "rig-b", hashesPerSecond: 40_000, rollsVersion: false },
  { name: "rig-c", hashesPerSecond: 80_000, rollsVersion: true },
] as const;

/** Time for the answers to what a miner has handed in, before it goes. */
const LAST_ANSWERS_MS = 2_000;

/** SV1 miners of different speeds behind one server; one may leave and another take its place. */
export class Sv1Farm {
  readonly #bench: Workbench;
  readonly #port: number;
  /** By place. */
  readonly #present: Sv1Miner[];
  readonly #gone: Sv1Miner[] = [];
  #factor = 1;

  constructor(bench: Workbench, port: number) {
    this.#bench = bench;
    this.#port = port;
    this.#present = RIGS.map((_, place) => this.#start(place));
  }

  /** Multiplies every miner's own speed; 0 makes them rest. */
  pace(factor: number): void {
    this.#factor = factor;
    for (const [place, miner] of this.#present.entries()) miner.hashesPerSecond = this.#rate(place);
  }

  /** The places take turns: the miner of one rests for a moment, leaves, and a new one comes. */
  async replaceMiner(): Promise<void> {
    const place = this.#gone.length % RIGS.length;
    const miner = this.#present[place] as Sv1Miner;
    miner.hashesPerSecond = 0;
    await pause(LAST_ANSWERS_MS);
    this.#gone.push({ ...miner });
    miner.stop();
    this.#present[place] = this.#start(place);
  }

  /** How many have left by themselves. */
  get left(): number {
    return this.#gone.length;
  }

  /** No miner was sent away. */
  get intact(): boolean {
    return !this.#all.some(({ closed }) => closed);
  }

  /** Nothing that the present miners handed in waits for an answer. */
  get answered(): boolean {
    return this.#present.every(({ unanswered }) => unanswered === 0);
  }

  /** Hashes tried, all together. */
  get hashes(): number {
    return this.#all.reduce((sum, miner) => sum + miner.hashes, 0);
  }

  /** Shares accepted, of each miner there was. */
  get accepted(): number[] {
    return this.#all.map(({ accepted }) => accepted);
  }

  /** Shares refused to the miners, by reason. */
  refused(): Counts {
    const counts: Record<string, number> = {};
    for (const { refused } of this.#all) {
      for (const [reason, times] of refused) countIn(counts, reason, times);
    }
    return counts;
  }

  get #all(): Sv1Miner[] {
    return [...this.#present, ...this.#gone];
  }

  #start(place: number): Sv1Miner {
    const { name, rollsVersion } = RIGS[place] as (typeof RIGS)[number];
    const hashesPerSecond = this.#rate(place);
    return startSv1Miner(this.#bench, {
      port: this.#port,
      user: `farm.${name}`,
      hashesPerSecond,
      rollsVersion,
    });
  }

  #rate(place: number): number {
    return (RIGS[place]?.hashesPerSecond ?? 0) * this.#factor;
  }
}
