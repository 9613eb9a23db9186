import { ShareCodecError } from "./share-codec-error.ts";
import { decodeShares1 } from "./share-decoding-1.ts";
import { type DecodedIdentity, IdentityReader } from "./share-identities.ts";
import {
  type FieldWidth,
  FLAG_BLOCK,
  HASH_SIZE,
  HEADER_SIZE,
  Header,
  JOB_SIZE,
  Job,
  jobKinds,
  LAYOUT_VERSION,
  MAGIC,
  MAX_BATCH_SHARES,
  MAX_MONEY,
  MAX_WORK_BYTES,
  Row,
  type RowShape,
  rowShape,
  SAME_WORK,
} from "./share-layout.ts";
import type { ShareJob, ShareRecord } from "./share-record.ts";

const { malformed, trailing, truncated } = ShareCodecError;

interface DecodedWork {
  readonly work: bigint;
  readonly creditedWork: bigint;
}

/**
 * Decodes a batch's payload, of layout 1 or 2. Strict: only bytes that an encoder could have written are accepted, so a batch
 * of layout 2 encodes to the same bytes again. Records of one identity share one `payoutScript` array, records of one job
 * one `job` object (copies).
 *
 * @throws {ShareCodecError} `bad-magic`, `bad-version`, `truncated`, `trailing-bytes`, `malformed`, `too-many-shares`,
 *   `no-shares`
 */
export function decodeShares(payload: Uint8Array): ShareRecord[] {
  for (let i = 0; i < MAGIC.length; i++) {
    if (payload.length <= i) throw truncated(payload.length);
    if (payload[i] !== MAGIC[i]) throw new ShareCodecError({ code: "bad-magic" }, "not a share batch");
  }
  const version = payload[3];
  if (version === undefined) throw truncated(payload.length);
  // A Buffer's slice is no copy.
  const bytes = new Uint8Array(payload.buffer, payload.byteOffset, payload.byteLength);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (version === 1) return decodeShares1(bytes, view);
  if (version === LAYOUT_VERSION) return decodeShares2(bytes, view);
  throw new ShareCodecError({ code: "bad-version", version }, `share batch layout ${version} is unknown`);
}

function decodeShares2(payload: Uint8Array, view: DataView): ShareRecord[] {
  const header = readHeader(payload, view);
  const { rows, shape, began, jobsAt, worksAt, rowsAt, blocksAt } = header;
  const reader = new IdentityReader(payload, view, jobsAt, true);
  const identities = reader.readAll(header.identities, HEADER_SIZE);
  const jobs = readJobs(payload, view, jobsAt, header.jobs);
  const works = readWorks(payload, worksAt, rowsAt, header.works);
  const records: ShareRecord[] = [];
  const identityIndex = new FirstUse("identity", identities);
  const jobIndex = new FirstUse("job", jobs);
  const workIndex = new FirstUse("work", works);
  let hashAt = blocksAt;
  let earliest = header.span;
  let latest = 0;
  for (let row = 0, offset = rowsAt; row < rows; row++, offset += shape.size) {
    const { payoutScript, worker, feeClass } = identityIndex.read(
      view,
      offset + Row.identity,
      shape.identityWidth,
    );
    const job = jobIndex.read(view, offset + shape.job, shape.jobWidth);
    const { work, creditedWork } = workIndex.read(view, offset + shape.work, shape.workWidth);
    const elapsed = readField(view, offset + shape.elapsed, shape.elapsedWidth);
    if (elapsed > header.span) throw malformed("elapsed", offset + shape.elapsed);
    if (elapsed < earliest) earliest = elapsed;
    if (elapsed > latest) latest = elapsed;
    const flags = payload[offset + shape.flags]!;
    if (flags > FLAG_BLOCK) throw malformed("flags", offset + shape.flags);
    let blockHash: Uint8Array | null = null;
    if (flags === FLAG_BLOCK) {
      if (hashAt === payload.length) throw malformed("blocks", Header.blocks);
      blockHash = payload.slice(hashAt, hashAt + HASH_SIZE);
      hashAt += HASH_SIZE;
    }
    records.push({
      connectionId: view.getUint32(offset + Row.connectionId, true),
      channelId: view.getUint32(offset + Row.channelId, true),
      sequenceNumber: view.getUint32(offset + Row.sequenceNumber, true),
      payoutScript,
      worker,
      feeClass,
      job,
      work,
      creditedWork,
      receivedAt: began + elapsed,
      blockHash,
    });
  }
  identityIndex.finish("identities", Header.identities);
  jobIndex.finish("jobs", Header.jobs);
  workIndex.finish("works", Header.works);
  if (hashAt !== payload.length) throw malformed("blocks", Header.blocks);
  if (earliest !== 0) throw malformed("began", Header.began);
  if (latest !== header.span) throw malformed("span", Header.span);
  return records;
}

function readHeader(payload: Uint8Array, view: DataView) {
  if (payload.length < HEADER_SIZE) throw truncated(payload.length);
  const u32 = (offset: number) => view.getUint32(offset, true);
  const rows = u32(Header.rows);
  if (rows === 0) throw new ShareCodecError({ code: "no-shares" }, "a share batch needs shares");
  if (rows > MAX_BATCH_SHARES) {
    throw new ShareCodecError({ code: "too-many-shares", count: rows, max: MAX_BATCH_SHARES });
  }
  const counted = (field: "identities" | "jobs" | "works" | "blocks", least: number) => {
    const count = u32(Header[field]);
    if (count < least || count > rows) throw malformed(field, Header[field]);
    return count;
  };
  const identities = counted("identities", 1);
  const jobs = counted("jobs", 1);
  const works = counted("works", 1);
  const blocks = counted("blocks", 0);
  const span = u32(Header.span);
  const began = Number(view.getBigUint64(Header.began, true));
  if (began + span > Number.MAX_SAFE_INTEGER) throw malformed("began", Header.began);
  const shape: RowShape = rowShape(identities, jobs, works, span);
  const jobsAt = HEADER_SIZE + u32(Header.identityBytes);
  const worksAt = jobsAt + jobs * JOB_SIZE;
  const rowsAt = worksAt + u32(Header.workBytes);
  const blocksAt = rowsAt + rows * shape.size;
  const size = blocksAt + blocks * HASH_SIZE;
  if (payload.length < size) throw truncated(payload.length);
  if (payload.length > size) throw trailing(size);
  return { rows, identities, jobs, works, span, began, shape, jobsAt, worksAt, rowsAt, blocksAt };
}

function readJobs(payload: Uint8Array, view: DataView, start: number, count: number): ShareJob[] {
  const jobs: ShareJob[] = [];
  const seen = new Set<string>();
  for (let at = start; jobs.length < count; at += JOB_SIZE) {
    const content = latin1(payload, at, at + JOB_SIZE);
    if (seen.has(content)) throw malformed("jobs", at);
    seen.add(content);
    const kind = jobKinds[payload[at + Job.kind]!];
    if (kind === undefined) throw malformed("kind", at + Job.kind);
    const money = (field: "value" | "referenceValue" | "templateFees") => {
      const value = view.getBigUint64(at + Job[field], true);
      if (value > MAX_MONEY) throw malformed(field, at + Job[field]);
      return value;
    };
    jobs.push({
      kind,
      prevHash: payload.slice(at + Job.prevHash, at + Job.height),
      height: view.getUint32(at + Job.height, true),
      nbits: view.getUint32(at + Job.nbits, true),
      value: money("value"),
      referenceValue: money("referenceValue"),
      templateFees: money("templateFees"),
    });
  }
  return jobs;
}

function readWorks(payload: Uint8Array, start: number, end: number, count: number): DecodedWork[] {
  const works: DecodedWork[] = [];
  const seen = new Set<string>();
  let offset = start;
  const readSized = (field: string, least: number) => {
    const size = payload[offset]!;
    const after = offset + 1 + size;
    if (size < least || size > MAX_WORK_BYTES || after > end) throw malformed(field, offset);
    if (size > 0 && payload[after - 1] === 0) throw malformed(field, offset);
    let value = 0n;
    for (let at = after - 1; at > offset; at--) value = (value << 8n) | BigInt(payload[at]!);
    offset = after;
    return value;
  };
  while (works.length < count) {
    const at = offset;
    if (offset >= end) throw malformed("works", offset);
    const work = readSized("work", 1);
    if (offset >= end) throw malformed("creditedWork", offset);
    let creditedWork = work;
    if (payload[offset] === SAME_WORK) offset++;
    else {
      const creditedAt = offset;
      creditedWork = readSized("creditedWork", 0);
      if (creditedWork >= work) throw malformed("creditedWork", creditedAt);
    }
    const content = latin1(payload, at, offset);
    if (seen.has(content)) throw malformed("works", at);
    seen.add(content);
    works.push({ work, creditedWork });
  }
  if (offset !== end) throw trailing(offset);
  return works;
}

/** Looks entries of a dictionary up, which must be used for the first time in their order, and all of them. */
class FirstUse<T extends DecodedIdentity | ShareJob | DecodedWork> {
  readonly #field: string;
  readonly #entries: readonly T[];
  #used = 0;

  constructor(field: string, entries: readonly T[]) {
    this.#field = field;
    this.#entries = entries;
  }

  read(view: DataView, offset: number, width: FieldWidth): T {
    const index = readField(view, offset, width);
    if (index > this.#used || index >= this.#entries.length) throw malformed(this.#field, offset);
    if (index === this.#used) this.#used++;
    return this.#entries[index]!;
  }

  finish(field: string, offset: number): void {
    if (this.#used !== this.#entries.length) throw malformed(field, offset);
  }
}

function readField(view: DataView, offset: number, width: FieldWidth): number {
  if (width === 1) return view.getUint8(offset);
  return width === 2 ? view.getUint16(offset, true) : view.getUint32(offset, true);
}

function latin1(payload: Uint8Array, start: number, end: number): string {
  return Buffer.from(payload.buffer, payload.byteOffset + start, end - start).toString("latin1");
}
