import { ShareCodecError } from "./share-codec-error.ts";
import {
  HASH_SIZE,
  JOB_SIZE,
  Job,
  jobKinds,
  MAX_MONEY,
  MAX_SCRIPT_BYTES,
  MAX_WORK_BYTES,
  MAX_WORKER_BYTES,
  SAME_WORK,
} from "./share-layout.ts";
import type { ShareJob, ShareRecord } from "./share-record.ts";

const WORK_LIMIT = 1n << BigInt(8 * MAX_WORK_BYTES);
const U64 = 1n << 64n;
const utf8 = new TextEncoder();

/** A section that grows, and how many entries it has. Made once and used again: buffers are dear. */
class Section {
  count = 0;
  size = 0;
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);

  cleared(): this {
    this.count = 0;
    this.size = 0;
    return this;
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.size);
  }

  /** Room for `size` more bytes, at `this.size` of the view. */
  reserve(size: number): DataView {
    const wanted = this.size + size;
    if (wanted > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(wanted, 2 * this.#bytes.length));
      larger.set(this.bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return this.#view;
  }

  append(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.#bytes.set(bytes, this.size);
    this.size += bytes.length;
  }
}

/** Encoding is synchronous, so one of each is enough. */
const identitySection = new Section();
const jobSection = new Section();
const workSection = new Section();

/** Distinct (fee class, script, worker) in the order of their first use. */
export class IdentityDictionary {
  readonly section = identitySection.cleared();
  /** First look: by the script's array itself, which the records of one channel share. */
  readonly #byArray = new Map<Uint8Array, Map<string, number>[]>();
  readonly #byContent = new Map<string, number>();

  indexOf({ payoutScript, worker, feeClass }: ShareRecord, row: number): number {
    let classes = this.#byArray.get(payoutScript);
    if (classes === undefined) {
      classes = [];
      this.#byArray.set(payoutScript, classes);
    }
    let workers = classes[feeClass];
    if (workers === undefined) {
      if ((feeClass & 0xff) !== feeClass) throw ShareCodecError.outOfRange("feeClass", row);
      workers = new Map();
      classes[feeClass] = workers;
    }
    let index = workers.get(worker);
    if (index === undefined) {
      index = this.#indexOfContent(payoutScript, worker, feeClass, row);
      workers.set(worker, index);
    }
    return index;
  }

  #indexOfContent(script: Uint8Array, worker: string, feeClass: number, row: number): number {
    if (script.length > MAX_SCRIPT_BYTES) throw ShareCodecError.outOfRange("payoutScript", row);
    const name = storableWorker(worker);
    // U+0100 never occurs in latin1, so the parts cannot run into each other.
    const key = `${latin1(script)}\u0100${latin1(name)}\u0100${feeClass}`;
    let index = this.#byContent.get(key);
    if (index === undefined) {
      const { section } = this;
      index = section.count++;
      this.#byContent.set(key, index);
      const view = section.reserve(3);
      view.setUint8(section.size, feeClass);
      view.setUint16(section.size + 1, script.length, true);
      section.size += 3;
      section.append(script);
      section.reserve(1).setUint8(section.size++, name.length);
      section.append(name);
    }
    return index;
  }
}

/** Distinct jobs in the order of their first use. */
export class JobDictionary {
  readonly section = jobSection.cleared();
  readonly #byObject = new Map<ShareJob, number>();
  readonly #byContent = new Map<string, number>();

  indexOf(job: ShareJob | null, row: number): number {
    if (job === null) throw ShareCodecError.outOfRange("job", row);
    let index = this.#byObject.get(job);
    if (index === undefined) {
      const { bytes, content } = serialized(job, row);
      index = this.#byContent.get(content);
      if (index === undefined) {
        index = this.section.count++;
        this.#byContent.set(content, index);
        this.section.append(bytes);
      }
      this.#byObject.set(job, index);
    }
    return index;
  }
}

/** Distinct (true, credited) in the order of their first use. */
export class WorkDictionary {
  readonly section = workSection.cleared();
  /** Works that are credited in full. */
  readonly #full = new Map<bigint, number>();
  readonly #reduced = new Map<string, number>();

  indexOf({ work, creditedWork }: ShareRecord, row: number): number {
    if (work !== creditedWork) return this.#indexOfReduced(work, creditedWork, row);
    let index = this.#full.get(work);
    if (index === undefined) {
      index = this.#add(work, row);
      this.section.reserve(1).setUint8(this.section.size++, SAME_WORK);
      this.#full.set(work, index);
    }
    return index;
  }

  #indexOfReduced(work: bigint, creditedWork: bigint, row: number): number {
    const key = `${work} ${creditedWork}`;
    let index = this.#reduced.get(key);
    if (index === undefined) {
      index = this.#add(work, row);
      if (creditedWork < 0n || creditedWork > work) throw ShareCodecError.outOfRange("creditedWork", row);
      this.#appendSized(creditedWork);
      this.#reduced.set(key, index);
    }
    return index;
  }

  #add(work: bigint, row: number): number {
    if (work < 1n || work >= WORK_LIMIT) throw ShareCodecError.outOfRange("work", row);
    this.#appendSized(work);
    return this.section.count++;
  }

  #appendSized(value: bigint): void {
    const { section } = this;
    const view = section.reserve(1 + MAX_WORK_BYTES);
    const start = section.size + 1;
    view.setBigUint64(start, value, true); // keeps the low 64 bits
    let size = 8;
    if (value >= U64) {
      view.setBigUint64(start + 8, value >> 64n, true);
      size = MAX_WORK_BYTES;
    }
    while (size > 0 && view.getUint8(start + size - 1) === 0) size--;
    view.setUint8(section.size, size);
    section.size = start + size;
  }
}

interface SerializedJob {
  readonly bytes: Uint8Array;
  readonly content: string;
}

/** A job's shares come in many batches. */
const serializedJobs = new WeakMap<ShareJob, SerializedJob>();

function serialized(job: ShareJob, row: number): SerializedJob {
  let known = serializedJobs.get(job);
  if (known === undefined) {
    const bytes = serializeJob(job, row);
    known = { bytes, content: latin1(bytes) };
    serializedJobs.set(job, known);
  }
  return known;
}

function serializeJob(job: ShareJob, row: number): Uint8Array {
  const bytes = new Uint8Array(JOB_SIZE);
  const view = new DataView(bytes.buffer);
  const kind = jobKinds.indexOf(job.kind);
  if (kind === -1) throw ShareCodecError.outOfRange("job.kind", row);
  bytes[Job.kind] = kind;
  if (job.prevHash.length !== HASH_SIZE) throw ShareCodecError.outOfRange("job.prevHash", row);
  bytes.set(job.prevHash, Job.prevHash);
  for (const field of ["height", "nbits"] as const) {
    if (job[field] >>> 0 !== job[field]) throw ShareCodecError.outOfRange(`job.${field}`, row);
    view.setUint32(Job[field], job[field], true);
  }
  for (const field of ["value", "referenceValue", "templateFees"] as const) {
    const money = job[field];
    if (money < 0n || money > MAX_MONEY) throw ShareCodecError.outOfRange(`job.${field}`, row);
    view.setBigUint64(Job[field], money, true);
  }
  return bytes;
}

/** UTF-8 that Postgres can hold as text: no U+0000, no lone surrogates (the encoder replaces those), cut at 255 bytes. */
function storableWorker(worker: string): Uint8Array {
  const encoded = utf8.encode(worker.includes("\0") ? worker.replaceAll("\0", "\ufffd") : worker);
  if (encoded.length <= MAX_WORKER_BYTES) return encoded;
  let end = MAX_WORKER_BYTES;
  while ((encoded[end]! & 0xc0) === 0x80) end--; // never inside a character
  return encoded.subarray(0, end);
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}
