import { cleanWorker } from "@lode/mining";
import { DecodeError, decodeUserIdentity, WorkerTracking } from "@lode/protocol";

/**
 * The worker a SubmitSharesExtended names in its TLV fields (extension 0x0002), cleaned: for statistics only.
 *
 * @param tlvs bytes behind the message's last field
 * @param granted extensions that were negotiated; without 0x0002 the bytes are not looked at (SV2 3.4.3)
 * @returns undefined when it names none, null when the fields cannot be read
 */
export function workerOf(tlvs: Uint8Array, granted: ReadonlySet<number>): string | null | undefined {
  if (tlvs.length === 0 || !granted.has(WorkerTracking.extensionType)) return undefined;
  try {
    return cleanWorker(decodeUserIdentity(tlvs) ?? "") || undefined;
  } catch (error) {
    if (error instanceof DecodeError) return null;
    throw error;
  }
}
