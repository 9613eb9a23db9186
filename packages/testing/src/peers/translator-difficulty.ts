import { maxTarget } from "@lode/bitcoin";
import type { Sv1Miner } from "./translator-miner.ts";
import { targetForRate } from "./translator-target.ts";

/** What the pool is told of a channel's miners: UpdateChannel. */
export interface RateUpdate {
  readonly rate: number;
  readonly target: bigint;
}

/**
 * The translator's own difficulty management: translator_sv2 0.6.0, src/lib/sv1/sv1_server/difficulty_manager.rs, to which line
 * numbers refer. An easier target goes to the miner at once; a harder one waits until the pool's is as hard, or good shares
 * would be held back.
 */
export class TranslatorDifficulty {
  readonly #sharesPerMinute: number;
  readonly #vardiff: boolean;
  readonly #pending = new Map<Sv1Miner, bigint>();

  constructor(options: { readonly sharesPerMinute: number; readonly vardiff: boolean }) {
    this.#sharesPerMinute = options.sharesPerMinute;
    this.#vardiff = options.vardiff;
  }

  /** max_target of an opening (sv1_server/mod.rs 1474-1480): without vardiff of its own the pool is free. */
  openingTarget(miner: Sv1Miner): bigint {
    return this.#vardiff ? targetForRate(miner.hashrate, this.#sharesPerMinute) : maxTarget;
  }

  /** A miner's channel is there. */
  onOpened(miner: Sv1Miner, target: bigint, now: number): void {
    miner.upstreamTarget = target;
    if (this.#vardiff) miner.startVardiff(now);
  }

  /** The pool's SetTarget (447-583; sv1_server/mod.rs 1600-1645 without vardiff). */
  onTarget(miner: Sv1Miner, target: bigint): void {
    miner.upstreamTarget = target;
    const wished = this.#vardiff ? this.#pending.get(miner) : target;
    if (wished === undefined || wished < target) return;
    this.#pending.delete(miner);
    miner.setDifficulty(wished);
  }

  /** A minute has passed (77-277). @returns what the pool is told, if the miner's estimate changed */
  reconsider(miner: Sv1Miner, now: number): RateUpdate | undefined {
    const rate = miner.reconsider(now);
    if (rate === undefined) return undefined;
    const target = targetForRate(rate, this.#sharesPerMinute);
    if (miner.upstreamTarget !== undefined && target < miner.upstreamTarget) {
      miner.expect(rate);
      this.#pending.set(miner, target);
    } else {
      miner.setDifficulty(target, rate);
      this.#pending.delete(miner);
    }
    return { rate, target };
  }

  /** All miners of one channel: their rates together and the hardest target; no rate at all without miners (378-440, 630-674). */
  aggregate(miners: Iterable<Sv1Miner>): RateUpdate {
    let rate = 0;
    let target = maxTarget;
    for (const { channelKey, pendingRate } of miners) {
      if (channelKey === undefined) continue;
      rate += pendingRate;
      const own = targetForRate(pendingRate, this.#sharesPerMinute);
      if (own < target) target = own;
    }
    return { rate, target };
  }

  forget(miner: Sv1Miner): void {
    this.#pending.delete(miner);
  }
}
