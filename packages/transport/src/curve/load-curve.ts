import { CodedError } from "@lode/ports";
import type { Curve, CurveBackend } from "./curve.ts";
import { loadLibsecp256k1 } from "./libsecp256k1-curve.ts";
import { nobleCurve } from "./noble-curve.ts";

let native: Curve | undefined | null = null;

/**
 * The fastest curve of this machine, or the one asked for.
 *
 * @throws CodedError `curve-unavailable` if libsecp256k1 is asked for and does not load
 */
export function loadCurve(backend?: CurveBackend): Curve {
  if (backend === "noble") return nobleCurve;
  if (native === null) native = loadLibsecp256k1();
  if (native !== undefined) return native;
  if (backend === "libsecp256k1") {
    throw new CodedError(
      { code: "curve-unavailable", backend } as const,
      "the npm package secp256k1 does not load",
    );
  }
  return nobleCurve;
}
