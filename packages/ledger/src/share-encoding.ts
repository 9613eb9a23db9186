import { ShareCodecError } from "./share-codec-error.ts";
import { IdentityDictionary, JobDictionary, WorkDictionary } from "./share-dictionaries.ts";
import {
  type FieldWidth,
  FLAG_BLOCK,
  HASH_SIZE,
  HEADER_SIZE,
  Header,
  LAYOUT_VERSION,
  MAGIC,
  MAX_BATCH_SHARES,
  Row,
  type RowShape,
  rowShape,
} from "./share-layout.ts";
import type { ShareRecord } from "./share-record.ts";

const MAX_SPAN = 0xffff_ffff;

/**
 * Encodes at least one share, in their order, as layout 2 (docs/share-batches.md). Equal records give equal bytes. A share
 * more than 49 days after the earliest one is stored as 49 days after it: a clock that stepped never stops a batch.
 *
 * @throws {ShareCodecError} `no-shares`, `too-many-shares`, `out-of-range`
 */
export function encodeShares(records: readonly ShareRecord[]): Uint8Array {
  const count = records.length;
  if (count === 0) throw new ShareCodecError({ code: "no-shares" }, "a share batch needs shares");
  if (count > MAX_BATCH_SHARES) {
    throw new ShareCodecError({ code: "too-many-shares", count, max: MAX_BATCH_SHARES });
  }
  const identities = new IdentityDictionary();
  const jobs = new JobDictionary();
  const works = new WorkDictionary();
  const indexes = new Uint32Array(3 * count);
  let began = Number.MAX_SAFE_INTEGER;
  let ended = 0;
  let blocks = 0;
  for (let row = 0; row < count; row++) {
    const record = records[row]!;
    indexes[3 * row] = identities.indexOf(record, row);
    indexes[3 * row + 1] = jobs.indexOf(record.job, row);
    indexes[3 * row + 2] = works.indexOf(record, row);
    const at = receivedAt(record, row);
    if (at < began) began = at;
    if (at > ended) ended = at;
    if (record.blockHash !== null) blocks++;
  }
  const span = Math.min(ended - began, MAX_SPAN);
  const sections = [identities.section, jobs.section, works.section] as const;
  const shape = rowShape(sections[0].count, sections[1].count, sections[2].count, span);
  const rowsAt = HEADER_SIZE + sections[0].size + sections[1].size + sections[2].size;
  const blocksAt = rowsAt + count * shape.size;
  const bytes = new Uint8Array(blocksAt + blocks * HASH_SIZE);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC, 0);
  view.setUint8(3, LAYOUT_VERSION);
  view.setUint32(Header.rows, count, true);
  view.setUint32(Header.identities, sections[0].count, true);
  view.setUint32(Header.identityBytes, sections[0].size, true);
  view.setUint32(Header.jobs, sections[1].count, true);
  view.setUint32(Header.works, sections[2].count, true);
  view.setUint32(Header.workBytes, sections[2].size, true);
  view.setUint32(Header.blocks, blocks, true);
  view.setBigUint64(Header.began, BigInt(began), true);
  view.setUint32(Header.span, span, true);
  let sectionAt = HEADER_SIZE;
  for (const section of sections) {
    bytes.set(section.bytes, sectionAt);
    sectionAt += section.size;
  }
  let hashAt = blocksAt;
  for (let row = 0, offset = rowsAt; row < count; row++, offset += shape.size) {
    const record = records[row]!;
    const elapsed = Math.min(record.receivedAt! - began, MAX_SPAN);
    writeRow(view, offset, shape, record, row, indexes, elapsed);
    if (record.blockHash === null) continue;
    if (record.blockHash.length !== HASH_SIZE) throw ShareCodecError.outOfRange("blockHash", row);
    bytes.set(record.blockHash, hashAt);
    hashAt += HASH_SIZE;
  }
  return bytes;
}

function writeRow(
  view: DataView,
  offset: number,
  shape: RowShape,
  record: ShareRecord,
  row: number,
  indexes: Uint32Array,
  elapsed: number,
): void {
  view.setUint32(offset + Row.connectionId, u32(record.connectionId, "connectionId", row), true);
  view.setUint32(offset + Row.channelId, u32(record.channelId, "channelId", row), true);
  view.setUint32(offset + Row.sequenceNumber, u32(record.sequenceNumber, "sequenceNumber", row), true);
  writeField(view, offset + Row.identity, shape.identityWidth, indexes[3 * row]!);
  writeField(view, offset + shape.job, shape.jobWidth, indexes[3 * row + 1]!);
  writeField(view, offset + shape.work, shape.workWidth, indexes[3 * row + 2]!);
  writeField(view, offset + shape.elapsed, shape.elapsedWidth, elapsed);
  view.setUint8(offset + shape.flags, record.blockHash === null ? 0 : FLAG_BLOCK);
}

function writeField(view: DataView, offset: number, width: FieldWidth, value: number): void {
  if (width === 1) view.setUint8(offset, value);
  else if (width === 2) view.setUint16(offset, value, true);
  else view.setUint32(offset, value, true);
}

function receivedAt({ receivedAt }: ShareRecord, row: number): number {
  if (receivedAt === null || !Number.isSafeInteger(receivedAt) || receivedAt < 0) {
    throw ShareCodecError.outOfRange("receivedAt", row);
  }
  return receivedAt;
}

function u32(value: number, field: string, row: number): number {
  if (value >>> 0 !== value) throw ShareCodecError.outOfRange(field, row);
  return value;
}
