import type { ReadLimits } from "./limits.ts";

/** No frame is smaller: the header sealed alone (SV2 4.6). */
const LEAST_FRAME_BYTES = 22;

/**
 * How fast one connection is read: a bucket of bytes and one of frames. Its owner counts bytes down from
 * {@link ReadBudget.settle}'s answer and asks again when they are used up, which keeps the clock and the frame count out of
 * the way of every chunk: no frame is smaller than 22 bytes, so neither bucket can be overdrawn before that by more than a chunk.
 */
export class ReadBudget {
  readonly #limits: ReadLimits;
  #bytes: number;
  #frames: number;
  #at: number;
  /** What {@link settle} has counted. */
  #settledFrames = 0;
  #window: number;

  /** @param now monotonic milliseconds */
  constructor(limits: ReadLimits, now: number) {
    this.#limits = limits;
    this.#bytes = limits.bytes.burst;
    this.#frames = limits.frames.burst;
    this.#at = now;
    this.#window = this.#affordable();
  }

  /** Bytes that may be read before the next {@link settle}. */
  get window(): number {
    return this.#window;
  }

  /**
   * Accounts for what was read since the last call and makes a new {@link window}.
   *
   * @param bytes read since then
   * @param frames read in all
   * @param now monotonic milliseconds
   * @returns how long not to read, milliseconds; 0 to read on
   */
  settle(bytes: number, frames: number, now: number): number {
    const { bytes: byBytes, frames: byFrames } = this.#limits;
    const seconds = Math.max(0, now - this.#at) / 1000;
    this.#at = now;
    this.#bytes = Math.min(byBytes.burst, this.#bytes + seconds * byBytes.perSecond) - bytes;
    this.#frames =
      Math.min(byFrames.burst, this.#frames + seconds * byFrames.perSecond) - (frames - this.#settledFrames);
    this.#settledFrames = frames;
    this.#window = this.#affordable();
    const debt = Math.max(-this.#bytes / byBytes.perSecond, -this.#frames / byFrames.perSecond);
    return debt > 0 ? debt * 1000 : 0;
  }

  #affordable(): number {
    return Math.max(0, Math.min(this.#bytes, this.#frames * LEAST_FRAME_BYTES));
  }
}
