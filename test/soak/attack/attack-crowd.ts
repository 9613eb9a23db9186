import type { Prng } from "@lode/testing/random";
import { sharedAddress } from "../honest/honest-crowd.ts";
import { nap } from "../wire/open-socket.ts";
import type { AttackKind } from "./attack-plan.ts";
import type { CpuBudget } from "./cpu-budget.ts";
import { type AttackCount, type AttackDeps, Life } from "./life.ts";

/** Addresses of attackers alone, from 127.0.1.1. */
const ADDRESSES = 200;
/** Subnets of those that are banned again and again, from 127.0.16.0, of 250 addresses each: an hour's bans do not use them up. */
const BANNED_SUBNETS = 64;
/** Part of the lives that come from an address that honest miners use, too. */
const SHARED = 0.05;
/** After a refusal an attacker tries the next address, but not at once. */
const [MIN_REST_MS, MAX_REST_MS] = [100, 500];
/** Runs kinds of attacks, each with several attackers that come back whenever they are ended. */
export class AttackCrowd {
  readonly counts: Record<string, AttackCount> = {};
  readonly #deps: AttackDeps;
  readonly #lives = new Set<Life>();
  #over = false;
  #actors: Promise<void>[] = [];

  constructor(options: { port: number; address: string; prng: Prng; budget: CpuBudget }) {
    const { prng, port, budget } = options;
    this.#deps = {
      port,
      prng,
      budget,
      userIdentity: `${options.address}.hostile`,
      isOver: () => this.#over,
    };
  }

  /** @param arrivalMs attackers come one after another, within this time */
  begin(kinds: readonly AttackKind[], strength: number, arrivalMs: number): void {
    for (const kind of kinds) {
      this.counts[kind.name] = { attempts: 0, refused: 0, cut: 0, messages: 0 };
      const actors = Math.max(1, Math.round(kind.actors * strength));
      for (let actor = 0; actor < actors; actor++) {
        this.#actors.push(this.#act(kind, arrivalMs));
      }
    }
  }

  /** Ends every attacker. */
  async cease(): Promise<void> {
    this.#over = true;
    for (const life of this.#lives) life.end();
    await Promise.race([Promise.all(this.#actors), nap(5_000)]);
    for (const life of this.#lives) life.end();
  }

  async #act(kind: AttackKind, arrivalMs: number): Promise<void> {
    await nap(this.#deps.prng.below(arrivalMs));
    let address = this.#addressFor(kind);
    while (!this.#over) {
      const life = new Life(this.#deps, address, this.counts[kind.name]!);
      this.#lives.add(life);
      try {
        await kind.run(life);
      } catch (error) {
        process.stderr.write(`${kind.name}: ${error instanceof Error ? error.stack : error}\n`);
        await nap(1_000);
      }
      life.end();
      this.#lives.delete(life);
      if (life.wasRefused) {
        address = this.#addressFor(kind);
        await nap(this.#deps.prng.between(MIN_REST_MS, MAX_REST_MS));
      } else await this.#deps.budget.turn("arrival");
    }
  }

  #addressFor({ banned }: AttackKind): string {
    const { prng } = this.#deps;
    if (prng.chance(SHARED)) return sharedAddress(prng.below(1_000));
    return banned === undefined
      ? `127.0.1.${1 + prng.below(ADDRESSES)}`
      : `127.0.${16 + prng.below(BANNED_SUBNETS)}.${1 + prng.below(250)}`;
  }
}
