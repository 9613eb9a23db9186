import { PayeeBook, parseIdentity, payoutModes, type SoloFee } from "@lode/mining";
import { native } from "@lode/native";
import type { MiningServerDeps } from "@lode/roles";

/** Where scripted solo pools get donations. */
export const SOLO_POOL_SCRIPT = Uint8Array.of(0x00, 0x14, ...new Uint8Array(20).fill(0x11));

/** Identities and payees of a pool on regtest whose scheme is solo. */
export function soloDeps(soloFee?: SoloFee): Required<Pick<MiningServerDeps, "identify" | "payees">> {
  return {
    identify: payoutModes((userIdentity) => parseIdentity(userIdentity, "regtest"), {
      solo: true,
      sriIdentities: true,
      donee: { payoutScript: SOLO_POOL_SCRIPT, address: "pool" },
      soloFeeBasisPoints: soloFee?.basisPoints ?? 0,
    }),
    payees: new PayeeBook({
      native,
      poolScript: SOLO_POOL_SCRIPT,
      ...(soloFee === undefined ? {} : { soloFee }),
    }),
  };
}
