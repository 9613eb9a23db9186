import { DIFF1_TARGET, maxTarget } from "@lode/bitcoin";

/**
 * A world in which hashing is cheaper by 2^`shift`: hash rates, difficulty 1 and search spaces shrink together, so that
 * everything firmware computes from them comes out as in the real world while a share takes a few hundred hashes.
 */
export class Scale {
  readonly shift: number;
  /** Target of difficulty 1 in this world; may lie above 2^256 − 1, where every hash is worth more. */
  readonly difficultyOne: bigint;

  /** @param shift 0 is the real world */
  constructor(shift = 34) {
    this.shift = shift;
    this.difficultyOne = DIFF1_TARGET << BigInt(shift);
  }

  /** Hashes per second that stand for a real device's. */
  hashrate(real: number): number {
    return real / 2 ** this.shift;
  }

  /** Difficulty as floating-point firmware has it. */
  difficulty(target: bigint): number {
    return Number(this.difficultyOne) / Number(target);
  }

  /** The easiest target that firmware can name in this world: difficulty 1, as far as 32 bytes go. */
  get easiest(): bigint {
    return this.difficultyOne < maxTarget ? this.difficultyOne : maxTarget;
  }
}
