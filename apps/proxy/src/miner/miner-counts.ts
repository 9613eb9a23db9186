/** What became of a miner's shares. */
export class MinerCounts {
  accepted = 0;
  rejected = 0;
  /** By the pool's error code. Codes come from the network: only so many are told apart. */
  readonly rejectedBy = new Map<string, number>();
  /** Mean time from a share to the pool's answer, of late, seconds; undefined before the first. */
  answerSeconds: number | undefined;
  /** Expected hashes of the accepted shares, fading. */
  #work = 0;
  #at: number;
  readonly #since: number;

  /** @param now monotonic milliseconds */
  constructor(now: number) {
    this.#at = now;
    this.#since = now;
  }

  /** @param difficulty of the share's job */
  accept(difficulty: number, now: number): void {
    this.accepted += 1;
    this.#fade(now);
    this.#work += difficulty * HASHES_PER_DIFFICULTY;
  }

  reject(errorCode: string): void {
    this.rejected += 1;
    const known = this.rejectedBy.has(errorCode) || this.rejectedBy.size < MOST_CODES;
    const code = known ? errorCode : "other";
    this.rejectedBy.set(code, (this.rejectedBy.get(code) ?? 0) + 1);
  }

  answered(seconds: number): void {
    const before = this.answerSeconds ?? seconds;
    this.answerSeconds = before + (seconds - before) / ANSWERS;
  }

  /** Hashes per second of late; for people. */
  hashrate(now: number): number {
    this.#fade(now);
    const age = (now - this.#since) / 1000;
    return age <= 0 ? 0 : this.#work / (MEMORY_SECONDS * (1 - Math.exp(-age / MEMORY_SECONDS)));
  }

  #fade(now: number): void {
    this.#work *= Math.exp(-(now - this.#at) / 1000 / MEMORY_SECONDS);
    this.#at = now;
  }
}

/** Expected hashes of a share of difficulty 1, nearly. */
export const HASHES_PER_DIFFICULTY: number = 2 ** 32;
const MEMORY_SECONDS = 300;
const ANSWERS = 16;
const MOST_CODES = 16;
