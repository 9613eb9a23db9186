import { frameArbitrary } from "@lode/protocol/arbitraries";
import type { Prng } from "@lode/testing/random";
import fc from "fast-check";

const FRAMES = 1_000;
const MAX_RANDOM = 400;

/** Valid frames of every message, to be mutated. */
export function sampleFrames(seed: number): readonly Uint8Array[] {
  return fc.sample(frameArbitrary, { numRuns: FRAMES, seed });
}

/** Bytes without any order, most often few. */
export function randomBytes(prng: Prng): Uint8Array {
  return prng.bytes(prng.below(prng.chance(0.5) ? 16 : MAX_RANDOM));
}

/** A copy with one to four faults: flipped bits, edge values, cut, repeated or inserted stretches. */
export function mutate(prng: Prng, original: Uint8Array): Uint8Array {
  let bytes: Uint8Array = original.slice();
  for (let faults = prng.between(1, 4); faults > 0; faults--) {
    const at = prng.below(bytes.length + 1);
    switch (prng.below(5)) {
      case 0:
        if (at < bytes.length) bytes[at] = bytes[at]! ^ (1 << prng.below(8));
        break;
      case 1:
        if (at < bytes.length) bytes[at] = prng.pick([0, 1, 0x7f, 0x80, 0xfe, 0xff]);
        break;
      case 2:
        bytes = bytes.slice(0, at);
        break;
      case 3:
        bytes = join(bytes.subarray(0, at), prng.bytes(prng.between(1, 8)), bytes.subarray(at));
        break;
      default:
        bytes = join(bytes.subarray(0, at), bytes.subarray(at, at + 40), bytes.subarray(at));
    }
  }
  return bytes;
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
