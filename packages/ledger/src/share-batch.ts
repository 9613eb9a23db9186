import { createHash } from "node:crypto";
import type { Random } from "@lode/ports";
import { ShareCodecError } from "./share-codec-error.ts";
import { decodeShares } from "./share-decoding.ts";
import { encodeShares } from "./share-encoding.ts";
import type { ShareBatch, ShareBatchKey, ShareRecord } from "./share-record.ts";

const HOUR_MS = 3_600_000;

/** Draws the name of a run of batches: a random UUID (version 4). Once per process start. */
export function newRun(random: Random): string {
  const bytes = random(16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40; // RFC 9562 5.4: version
  bytes[8] = (bytes[8]! & 0x3f) | 0x80; // RFC 9562 4.1: variant
  const hex = Buffer.from(bytes).toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/**
 * Builds the batch that is committed, and committed again, unchanged. `now` (milliseconds since the epoch) fixes its hour.
 *
 * @throws {ShareCodecError} `no-shares`, `too-many-shares`, `out-of-range`
 */
export function buildShareBatch(
  key: ShareBatchKey,
  records: readonly ShareRecord[],
  now: number,
): ShareBatch {
  const payload = encodeShares(records);
  return {
    run: key.run,
    seq: key.seq,
    partHour: Math.floor(now / HOUR_MS),
    n: records.length,
    work: totalWork(records),
    payload,
    sha256: sha256(payload),
  };
}

/**
 * Opens a stored batch: checks its hash and totals and returns its shares.
 *
 * @throws {ShareCodecError} `mismatch`, and what {@link decodeShares} throws
 */
export function openShareBatch(batch: Pick<ShareBatch, "payload" | "sha256" | "n" | "work">): ShareRecord[] {
  if (!sha256(batch.payload).equals(batch.sha256)) throw mismatch("sha256");
  const records = decodeShares(batch.payload);
  if (records.length !== batch.n) throw mismatch("n");
  if (totalWork(records) !== batch.work) throw mismatch("work");
  return records;
}

function sha256(payload: Uint8Array): Buffer {
  return createHash("sha256").update(payload).digest();
}

function totalWork(records: readonly ShareRecord[]): bigint {
  let total = 0n;
  for (const record of records) total += record.work;
  return total;
}

function mismatch(field: "sha256" | "n" | "work"): ShareCodecError {
  return new ShareCodecError({ code: "mismatch", field }, `share batch: ${field} does not match its payload`);
}
