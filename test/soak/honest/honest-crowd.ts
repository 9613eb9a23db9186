import { Prng } from "@lode/testing/random";
import { nap } from "../wire/open-socket.ts";
import { HonestMiner, type HonestTarget, type MinerPlan } from "./honest-miner.ts";
import { visit } from "./newcomer.ts";
import { Probes } from "./probes.ts";
import { ShareBook } from "./share-book.ts";
import { Tally } from "./tally.ts";

/** A crowd that behaves. */
export interface CrowdOptions {
  readonly target: HonestTarget;
  readonly connections: number;
  readonly seed: number;
  /** A newcomer and a probe this often, milliseconds. */
  readonly newcomerMs: number;
  readonly probeMs: number;
}

/** Addresses of honest miners, from 127.0.0.2. The first few are shared with attackers. */
const HONEST_ADDRESSES = 250;
/** Addresses that honest miners and attackers have in common: {@link sharedAddress}(0) … */
export const SHARED_ADDRESSES = 5;
/** Every so many connections has several channels, and so a group. */
const GROUP_EVERY = 10;
const CHANNELS_IN_GROUP = 3;
/** Hashes per second of a channel: slow enough to cost nothing, fast enough that the easiest target gives way to vardiff. */
const [SLOWEST, FASTEST] = [2, 8];
/** Every miner has its turn once in this many ticks, so that shares are spread over time. */
const TICK_MS = 10;
const TURNS = 50;
const DIALLING = 16;
/** Every so many newcomers comes from a shared address. */
const NEIGHBOUR_EVERY = 4;
const ANSWERS_WITHIN_MS = 30_000;

/** The honest side: miners that stay, newcomers, and probes. */
export class HonestCrowd {
  readonly book = new ShareBook();
  readonly #options: CrowdOptions;
  readonly #miners: HonestMiner[] = [];
  #tally = new Tally();
  #timers: ReturnType<typeof setInterval>[] = [];
  #tick = 0;
  #visitors = 0;

  constructor(options: CrowdOptions) {
    this.#options = options;
  }

  get channels(): number {
    return planOf(this.#options).reduce((sum, { channels }) => sum + channels.length, 0);
  }

  /** Connects everybody and lets them mine. */
  async gather(): Promise<void> {
    const plans = planOf(this.#options);
    const deps = { target: this.#options.target, book: this.book, tally: () => this.#tally };
    const add = async () => {
      for (let plan = plans.pop(); plan !== undefined; plan = plans.pop()) {
        const miner = new HonestMiner(plan, deps);
        this.#miners.push(miner);
        await miner.ready;
      }
    };
    await Promise.all(Array.from({ length: DIALLING }, add));
    const { port } = this.#options.target;
    const probes = ["127.0.2.1", "127.0.2.2"].map((address) => new Probes(port, address, () => this.#tally));
    this.#timers = [
      setInterval(() => this.#mine(), TICK_MS),
      setInterval(() => this.#welcome(), this.#options.newcomerMs),
      setInterval(() => {
        for (const probe of probes) void probe.probe();
      }, this.#options.probeMs),
    ];
  }

  /** What was counted since the last {@link begin}. */
  get tally(): Tally {
    return this.#tally;
  }

  /** A new stretch. */
  begin(): void {
    this.#tally = new Tally();
  }

  /** Ends the mining and waits for the last answers. @returns shares without one */
  async rest(): Promise<number> {
    for (const timer of this.#timers) clearInterval(timer);
    for (const miner of this.#miners) miner.rest();
    const unanswered = () => this.#miners.reduce((sum, miner) => sum + miner.unanswered, 0);
    for (const deadline = performance.now() + ANSWERS_WITHIN_MS; unanswered() > 0; await nap(50)) {
      if (performance.now() > deadline) break;
    }
    return unanswered();
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
    for (const miner of this.#miners) miner.stop();
  }

  #mine(): void {
    this.#tick = (this.#tick + 1) % TURNS;
    const now = performance.now();
    for (let index = this.#tick; index < this.#miners.length; index += TURNS) this.#miners[index]!.mine(now);
  }

  #welcome(): void {
    const number = ++this.#visitors;
    const isNeighbour = number % NEIGHBOUR_EVERY === 0;
    const localAddress = isNeighbour ? sharedAddress(number) : `127.0.3.${1 + (number % 250)}`;
    const tally = isNeighbour ? this.#tally.neighbours : this.#tally.newcomers;
    void visit(this.#options.target, { localAddress, worker: `newcomer${number}` }, this.book, tally);
  }
}

/** An address that honest miners and attackers have in common. */
export function sharedAddress(index: number): string {
  return `127.0.0.${2 + (index % SHARED_ADDRESSES)}`;
}

function planOf({ connections, seed }: CrowdOptions): MinerPlan[] {
  const prng = new Prng(seed, 1);
  return Array.from({ length: connections }, (_, index) => ({
    localAddress: `127.0.0.${2 + (index % HONEST_ADDRESSES)}`,
    name: `honest${index}`,
    channels: Array.from(
      { length: index % GROUP_EVERY === 0 ? CHANNELS_IN_GROUP : 1 },
      (_unused, channel) => ({
        kind: (index + channel) % 2 === 0 ? ("extended" as const) : ("standard" as const),
        hashesPerSecond: prng.between(SLOWEST, FASTEST),
      }),
    ),
  }));
}
