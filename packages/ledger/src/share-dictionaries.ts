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
  #bytes = Buffer.alloc(256);
  #view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.length);

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
      const larger = Buffer.alloc(Math.max(wanted, 2 * this.#bytes.length));
      larger.set(this.bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer, larger.byteOffset, larger.length);
    }
    return this.#view;
  }

  /** @param entry bytes as characters U+0000 … U+00FF */
  append(entry: string): void {
    this.reserve(entry.length);
    this.size += this.#bytes.write(entry, this.size, "latin1");
    this.count++;
  }
}

/** Encoding is synchronous, so one of each is enough. */
const identitySection = new Section();
const jobSection = new Section();
const workSection = new Section();

/** Distinct entries of one batch by their bytes, in the order of their first use. */
class Entries {
  readonly section: Section;
  readonly #byContent = new Map<string, number>();

  constructor(section: Section) {
    this.section = section.cleared();
  }

  indexOf(entry: string): number {
    let index = this.#byContent.get(entry);
    if (index === undefined) {
      index = this.section.count;
      this.#byContent.set(entry, index);
      this.section.append(entry);
    }
    return index;
  }
}

/** An identity as it stands in batches, and where in the latest one. */
interface KnownIdentity {
  readonly worker: string;
  readonly feeClass: number;
  /** Its bytes as characters U+0000 … U+00FF. */
  readonly entry: string;
  /** Number of the latest batch. */
  batch: number;
  index: number;
}

/** By the script's array itself, which the records of one channel share, and which come in many batches. */
const knownIdentities = new WeakMap<Uint8Array, KnownIdentity[]>();
/** Workers that shares of one channel name in turn (extension 0x0002); one more lets them all be forgotten. */
const MAX_KNOWN_WORKERS = 64;

let batches = 0;

/** Distinct (fee class, script, worker) in the order of their first use. */
export class IdentityDictionary {
  readonly #batch = ++batches;
  readonly #entries = new Entries(identitySection);

  get section(): Section {
    return this.#entries.section;
  }

  indexOf(record: ShareRecord, row: number): number {
    const identity = knownIdentity(record, row);
    if (identity.batch !== this.#batch) {
      identity.index = this.#entries.indexOf(identity.entry);
      identity.batch = this.#batch;
    }
    return identity.index;
  }
}

function knownIdentity({ payoutScript, worker, feeClass }: ShareRecord, row: number): KnownIdentity {
  let known = knownIdentities.get(payoutScript);
  if (known === undefined) {
    known = [];
    knownIdentities.set(payoutScript, known);
  }
  for (const identity of known) {
    if (identity.worker === worker && identity.feeClass === feeClass) return identity;
  }
  const entry = serializeIdentity(payoutScript, worker, feeClass, row);
  if (known.length === MAX_KNOWN_WORKERS) known.length = 0;
  const identity: KnownIdentity = { worker, feeClass, entry, batch: 0, index: 0 };
  known.push(identity);
  return identity;
}

function serializeIdentity(script: Uint8Array, worker: string, feeClass: number, row: number): string {
  if ((feeClass & 0xff) !== feeClass) throw ShareCodecError.outOfRange("feeClass", row);
  if (script.length > MAX_SCRIPT_BYTES) throw ShareCodecError.outOfRange("payoutScript", row);
  const name = storableWorker(worker);
  const lengths = String.fromCharCode(feeClass, script.length & 0xff, script.length >> 8);
  return `${lengths}${latin1(script)}${String.fromCharCode(name.length)}${latin1(name)}`;
}

/** A job's bytes as characters U+0000 … U+00FF; its shares come in many batches. */
const knownJobs = new WeakMap<ShareJob, string>();

/** Distinct jobs in the order of their first use. */
export class JobDictionary {
  readonly #entries = new Entries(jobSection);
  readonly #byObject = new Map<ShareJob, number>();

  get section(): Section {
    return this.#entries.section;
  }

  indexOf(job: ShareJob | null, row: number): number {
    if (job === null) throw ShareCodecError.outOfRange("job", row);
    let index = this.#byObject.get(job);
    if (index === undefined) {
      let entry = knownJobs.get(job);
      if (entry === undefined) {
        entry = latin1(serializeJob(job, row));
        knownJobs.set(job, entry);
      }
      index = this.#entries.indexOf(entry);
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
