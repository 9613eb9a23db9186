/**
 * The secp256k1 operations a handshake needs, on x coordinates only (spec 4.3.1.1): the parity of y never matters. Two
 * implementations give the same bytes; {@link loadCurve} picks one. All coordinates and secrets are 32 bytes, big-endian.
 */
export interface Curve {
  readonly backend: CurveBackend;
  /** The x coordinate of `secretKey`·G. `secretKey` must be in 1..n-1. */
  publicX(secretKey: Uint8Array): Uint8Array;
  /** The x coordinate of `secretKey`·P, P being a point with this `x` (`ellswift_ecdh_xonly` of BIP324 after decoding). */
  sharedX(secretKey: Uint8Array, x: Uint8Array): Uint8Array;
  /** Whether a point has this x coordinate, which is below the field's prime (`lift_x` of BIP340 succeeds). Public data only. */
  hasX(x: Uint8Array): boolean;
}

/** Which library multiplies points. */
export type CurveBackend = "libsecp256k1" | "noble";
