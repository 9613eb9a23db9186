import { randomBytes } from "node:crypto";

/** Returns `size` fresh random bytes. */
export type Random = (size: number) => Uint8Array;

/** The operating system's generator, fit for keys. */
export const systemRandom: Random = (size) => new Uint8Array(randomBytes(size));
