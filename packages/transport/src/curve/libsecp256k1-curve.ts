import { createRequire } from "node:module";
import type { Curve } from "./curve.ts";

/** What is used of the npm package `secp256k1`. */
interface Bindings {
  publicKeyVerify(publicKey: Uint8Array): boolean;
  publicKeyCreate(secretKey: Uint8Array, compressed: boolean): Uint8Array;
  ecdh(
    publicKey: Uint8Array,
    secretKey: Uint8Array,
    options: { hashfn: (x: Uint8Array) => Uint8Array; xbuf: Uint8Array; ybuf: Uint8Array },
    output: Uint8Array,
  ): Uint8Array;
}

const keepX = (x: Uint8Array): Uint8Array => x;

/**
 * The curve of Bitcoin Core's library, through the npm package `secp256k1`; undefined where its binary does not load.
 * The entry is `bindings`, never the package's index: that one falls back silently to the `elliptic` package.
 */
export function loadLibsecp256k1(): Curve | undefined {
  let bindings: Bindings;
  try {
    bindings = createRequire(import.meta.url)("secp256k1/bindings") as Bindings;
  } catch {
    return undefined;
  }
  return {
    backend: "libsecp256k1",
    publicX: (secretKey) => bindings.publicKeyCreate(secretKey, true).slice(1),
    hasX: (x) => bindings.publicKeyVerify(evenPoint(x)),
    sharedX(secretKey, x) {
      const point = evenPoint(x);
      const xbuf = new Uint8Array(32);
      const ybuf = new Uint8Array(32);
      const shared = bindings.ecdh(point, secretKey, { hashfn: keepX, xbuf, ybuf }, new Uint8Array(32));
      xbuf.fill(0);
      ybuf.fill(0);
      return shared;
    },
  };
}

/** The point of an x-only key, compressed (SEC 1, 2.3.3; BIP340 takes the even y). */
function evenPoint(x: Uint8Array): Uint8Array {
  const point = new Uint8Array(33);
  point[0] = 0x02;
  point.set(x, 1);
  return point;
}
