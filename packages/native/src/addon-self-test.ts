import type { AddonBinding } from "./addon-binding.ts";

/** Double SHA-256 of nothing. */
const EMPTY_HASH = "5df6e0e2761359d30a8275058e299fcc0381534545f55cf43e41983f5d4c9456";
/** A frame header of six zeros under the key 0, 1, … 31 and nonce 0. */
const SEALED = "18b84231ade62e7195e4a46445a9690becdd8f91de23";

/**
 * Whether the addon computes rightly in this process. It calls functions of OpenSSL's that Node brings along but promises
 * nothing about: another Node than the one it was built with could have others of the same name.
 */
export function computesRightly({
  sha256dInto,
  Cipher,
}: Pick<AddonBinding, "sha256dInto" | "Cipher">): boolean {
  const hash = new Uint8Array(32);
  sha256dInto(new Uint8Array(0), hash);
  const cipher = new Cipher(Uint8Array.from({ length: 32 }, (_, index) => index));
  const sealed = new Uint8Array(22);
  cipher.sealFrame(new Uint8Array(6), sealed, 0);
  cipher.free();
  return hex(hash) === EMPTY_HASH && hex(sealed) === SEALED;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
