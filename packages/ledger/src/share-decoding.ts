import { ShareCodecError } from "./share-codec-error.ts";
import { HEADER_SIZE, LAYOUT_VERSION, MAGIC, MAX_BATCH_SHARES, ROW_SIZE, Row } from "./share-layout.ts";
import type { ShareRecord } from "./share-record.ts";

interface Identity {
  readonly payoutScript: Uint8Array;
  readonly worker: string;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Decodes a batch's payload. Strict: only bytes that {@link encodeShares} could have written are accepted, so a decoded
 * batch encodes to the same bytes again. The records of one identity share one `payoutScript` array (a copy).
 *
 * @throws {ShareCodecError} `bad-magic`, `bad-version`, `truncated`, `trailing-bytes`, `malformed`, `too-many-shares`
 */
export function decodeShares(payload: Uint8Array): ShareRecord[] {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const { rows, identityCount, identityBytes } = readHeader(payload, view);
  const identities = readIdentities(payload, view, identityCount, HEADER_SIZE + identityBytes);
  const records: ShareRecord[] = [];
  let known = 0;
  for (let row = 0, offset = HEADER_SIZE + identityBytes; row < rows; row++, offset += ROW_SIZE) {
    const index = view.getUint32(offset + Row.identity, true);
    if (index > known || index >= identities.length) throw malformed("identity", offset + Row.identity);
    if (index === known) known++;
    records.push(readRow(view, offset, identities[index]!));
  }
  if (known !== identities.length) throw malformed("identities", 8);
  return records;
}

function readHeader(payload: Uint8Array, view: DataView) {
  for (let i = 0; i < MAGIC.length; i++) {
    if (payload.length <= i) throw truncated(payload.length);
    if (payload[i] !== MAGIC[i]) throw new ShareCodecError({ code: "bad-magic" }, "not a share batch");
  }
  if (payload.length < 4) throw truncated(payload.length);
  const version = view.getUint8(3);
  if (version !== LAYOUT_VERSION) {
    throw new ShareCodecError({ code: "bad-version", version }, `share batch layout ${version} is unknown`);
  }
  if (payload.length < HEADER_SIZE) throw truncated(payload.length);
  const rows = view.getUint32(4, true);
  const identityCount = view.getUint32(8, true);
  const identityBytes = view.getUint32(12, true);
  if (rows > MAX_BATCH_SHARES) {
    throw new ShareCodecError({ code: "too-many-shares", count: rows, max: MAX_BATCH_SHARES });
  }
  if (identityCount > rows) throw malformed("identities", 8);
  const size = HEADER_SIZE + identityBytes + rows * ROW_SIZE;
  if (payload.length < size) throw truncated(payload.length);
  if (payload.length > size) throw trailing(size);
  return { rows, identityCount, identityBytes };
}

function readIdentities(payload: Uint8Array, view: DataView, count: number, end: number): Identity[] {
  const identities: Identity[] = [];
  const seen = new Set<string>();
  let offset = HEADER_SIZE;
  for (let i = 0; i < count; i++) {
    const start = offset;
    if (end - offset < 2) throw malformed("identities", offset);
    const scriptEnd = offset + 2 + view.getUint16(offset, true);
    if (end - scriptEnd < 1) throw malformed("payoutScript", offset);
    const workerEnd = scriptEnd + 1 + view.getUint8(scriptEnd);
    if (workerEnd > end) throw malformed("worker", scriptEnd);
    const payoutScript = payload.slice(offset + 2, scriptEnd);
    const worker = readWorker(payload.subarray(scriptEnd + 1, workerEnd), scriptEnd);
    const content = Buffer.from(payload.buffer, payload.byteOffset + start, workerEnd - start).toString(
      "latin1",
    );
    if (seen.has(content)) throw malformed("identities", start);
    seen.add(content);
    identities.push({ payoutScript, worker });
    offset = workerEnd;
  }
  if (offset !== end) throw trailing(offset);
  return identities;
}

function readWorker(bytes: Uint8Array, offset: number): string {
  let worker: string;
  try {
    worker = utf8.decode(bytes);
  } catch {
    throw malformed("worker", offset);
  }
  if (worker.includes("\0")) throw malformed("worker", offset);
  return worker;
}

function readRow(view: DataView, offset: number, identity: Identity): ShareRecord {
  const low = view.getBigUint64(offset + Row.work, true);
  const high = view.getBigUint64(offset + Row.work + 8, true);
  const work = high === 0n ? low : (high << 64n) | low;
  if (work === 0n) throw malformed("work", offset + Row.work);
  return {
    connectionId: view.getUint32(offset + Row.connectionId, true),
    channelId: view.getUint32(offset + Row.channelId, true),
    sequenceNumber: view.getUint32(offset + Row.sequenceNumber, true),
    payoutScript: identity.payoutScript,
    worker: identity.worker,
    feeClass: view.getUint8(offset + Row.feeClass),
    work,
  };
}

function truncated(offset: number): ShareCodecError {
  return new ShareCodecError({ code: "truncated", offset }, `share batch ends at byte ${offset}`);
}

function trailing(offset: number): ShareCodecError {
  return new ShareCodecError({ code: "trailing-bytes", offset }, `share batch has bytes left at ${offset}`);
}

function malformed(field: string, offset: number): ShareCodecError {
  return new ShareCodecError(
    { code: "malformed", field, offset },
    `share batch: ${field} at ${offset} is malformed`,
  );
}
