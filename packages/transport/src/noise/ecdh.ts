import { sha256 } from "@noble/hashes/sha2.js";
import type { Curve } from "../curve/curve.ts";

const TAG = sha256(new TextEncoder().encode("bip324_ellswift_xonly_ecdh"));
const TAGGED = sha256.create().update(TAG).update(TAG);

/**
 * `v2_ecdh` (spec 4.4.2, BIP324 "Shared secret computation"). The initiator's encoding is hashed first on both sides,
 * whoever computes; in NX that holds for `ee` and `es` alike.
 *
 * @param secretKey ours, 32 bytes
 * @param theirX the peer's decoded x coordinate, 32 bytes big-endian
 * @param initiator the initiator's ephemeral key as sent, 64 bytes
 * @param responder the responder's ephemeral or static key as sent, 64 bytes
 */
export function ecdh(
  curve: Curve,
  secretKey: Uint8Array,
  theirX: Uint8Array,
  initiator: Uint8Array,
  responder: Uint8Array,
): Uint8Array {
  const x = curve.sharedX(secretKey, theirX);
  const secret = TAGGED.clone().update(initiator).update(responder).update(x).digest();
  x.fill(0);
  return secret;
}
