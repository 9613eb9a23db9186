import { ShareCodecError } from "./share-codec-error.ts";
import {
  HEADER_SIZE,
  LAYOUT_VERSION,
  MAGIC,
  MAX_BATCH_SHARES,
  MAX_SCRIPT_BYTES,
  MAX_WORKER_BYTES,
  ROW_SIZE,
  Row,
} from "./share-layout.ts";
import type { ShareRecord } from "./share-record.ts";

const U64 = 1n << 64n;
const U128 = 1n << 128n;
const utf8 = new TextEncoder();

/**
 * Encodes shares in their order (layout: docs/share-batches.md). Equal records give equal bytes.
 *
 * @throws {ShareCodecError} `out-of-range`, `too-many-shares`
 */
export function encodeShares(records: readonly ShareRecord[]): Uint8Array {
  if (records.length > MAX_BATCH_SHARES) {
    throw new ShareCodecError({ code: "too-many-shares", count: records.length, max: MAX_BATCH_SHARES });
  }
  const identities = new IdentityTable();
  const indexes = new Uint32Array(records.length);
  for (let row = 0; row < records.length; row++) {
    const { payoutScript, worker } = records[row]!;
    indexes[row] = identities.indexOf(payoutScript, worker, row);
  }
  const bytes = new Uint8Array(HEADER_SIZE + identities.size + records.length * ROW_SIZE);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC, 0);
  view.setUint8(3, LAYOUT_VERSION);
  view.setUint32(4, records.length, true);
  view.setUint32(8, identities.count, true);
  view.setUint32(12, identities.size, true);
  let offset = identities.write(bytes, view, HEADER_SIZE);
  for (let row = 0; row < records.length; row++, offset += ROW_SIZE) {
    writeRow(view, offset, records[row]!, indexes[row]!, row);
  }
  return bytes;
}

function writeRow(view: DataView, offset: number, record: ShareRecord, identity: number, row: number): void {
  view.setUint32(offset + Row.connectionId, u32(record.connectionId, "connectionId", row), true);
  view.setUint32(offset + Row.channelId, u32(record.channelId, "channelId", row), true);
  view.setUint32(offset + Row.sequenceNumber, u32(record.sequenceNumber, "sequenceNumber", row), true);
  view.setUint32(offset + Row.identity, identity, true);
  const { work, feeClass } = record;
  if (work < 1n || work >= U128) throw outOfRange("work", row);
  view.setBigUint64(offset + Row.work, work, true); // keeps the low 64 bits
  if (work >= U64) view.setBigUint64(offset + Row.work + 8, work >> 64n, true);
  if ((feeClass & 0xff) !== feeClass) throw outOfRange("feeClass", row);
  view.setUint8(offset + Row.feeClass, feeClass);
}

function u32(value: number, field: string, row: number): number {
  if (value >>> 0 !== value) throw outOfRange(field, row);
  return value;
}

function outOfRange(field: string, row: number): ShareCodecError {
  return new ShareCodecError({ code: "out-of-range", field, row }, `${field} of row ${row} is out of range`);
}

/** Distinct (script, worker) pairs in the order of their first use. */
class IdentityTable {
  /** Bytes of the whole section. */
  size = 0;
  #scripts: Uint8Array[] = [];
  #workers: Uint8Array[] = [];
  /** First look: by the script's array itself, which the records of one channel share. */
  #byArray = new Map<Uint8Array, Map<string, number>>();
  #byContent = new Map<string, number>();

  get count(): number {
    return this.#scripts.length;
  }

  indexOf(script: Uint8Array, worker: string, row: number): number {
    let workers = this.#byArray.get(script);
    if (workers === undefined) {
      workers = new Map();
      this.#byArray.set(script, workers);
    }
    let index = workers.get(worker);
    if (index === undefined) {
      index = this.#indexOfContent(script, worker, row);
      workers.set(worker, index);
    }
    return index;
  }

  #indexOfContent(script: Uint8Array, worker: string, row: number): number {
    if (script.length > MAX_SCRIPT_BYTES) throw outOfRange("payoutScript", row);
    const stored = storableWorker(worker);
    const content = Buffer.from(script.buffer, script.byteOffset, script.length).toString("latin1");
    // U+0100 never occurs in latin1, so the two parts cannot run into each other.
    const key = `${content}\u0100${Buffer.from(stored).toString("latin1")}`;
    let index = this.#byContent.get(key);
    if (index === undefined) {
      index = this.#scripts.length;
      this.#byContent.set(key, index);
      this.#scripts.push(script);
      this.#workers.push(stored);
      this.size += 3 + script.length + stored.length;
    }
    return index;
  }

  write(bytes: Uint8Array, view: DataView, start: number): number {
    let offset = start;
    for (let i = 0; i < this.#scripts.length; i++) {
      const script = this.#scripts[i]!;
      const worker = this.#workers[i]!;
      view.setUint16(offset, script.length, true);
      bytes.set(script, offset + 2);
      offset += 2 + script.length;
      view.setUint8(offset, worker.length);
      bytes.set(worker, offset + 1);
      offset += 1 + worker.length;
    }
    return offset;
  }
}

/** UTF-8 that Postgres can hold as text: no U+0000, no lone surrogates (the encoder replaces those), cut at 255 bytes. */
function storableWorker(worker: string): Uint8Array {
  const encoded = utf8.encode(worker.includes("\0") ? worker.replaceAll("\0", "\ufffd") : worker);
  if (encoded.length <= MAX_WORKER_BYTES) return encoded;
  let end = MAX_WORKER_BYTES;
  while ((encoded[end]! & 0xc0) === 0x80) end--; // never inside a character
  return encoded.subarray(0, end);
}
