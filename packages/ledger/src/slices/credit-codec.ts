import {
  ACCOUNT_LIMIT,
  accountOfKey,
  CreditList,
  classOfKey,
  creditKey,
  type CreditList as List,
} from "./credit-list.ts";
import { LIMB } from "./exact-column.ts";
import { SliceError } from "./slice-error.ts";

/**
 * The bytes of a credit list. A slice's payload is one of them behind a header; a checkpoint's has one for each difficulty.
 *
 *   header   "LSC" | version u8 (1) | sections u16
 *   section  nbits u32 | entries u32 | bytes of the entries u32 | entries
 *   entry    tag varint = (account - the account before) * 4 + 2 if a class byte follows + 1 if credited work follows
 *            | fee class u8 (where it is not 0) | shares varint | true work varint | credited work varint (where less)
 *
 * Integers are little-endian; a varint has seven bits a byte, the lowest first. Canonical: equal lists give equal bytes.
 */
const MAGIC = [0x4c, 0x53, 0x43] as const;
const VERSION = 1;
const HEADER_SIZE = 6;
const SECTION_HEADER_SIZE = 12;
const HAS_CLASS = 2;
const HAS_CREDIT = 1;
const GROUPS_PER_LIMB = 7;
/** 14 groups of seven bits are two limbs. */
const MAX_VARINT = 2 * GROUPS_PER_LIMB;
const MAX_ENTRY = 7 + 1 + 3 * MAX_VARINT;

/** Credit of one difficulty. */
export interface CreditSection {
  /** The network's target in compact form, u32. */
  readonly nbits: number;
  readonly list: List;
}

/** Encodes sections, which stand in ascending order of nbits. */
export function encodeCredits(sections: readonly CreditSection[]): Uint8Array {
  const writer = new Writer(
    HEADER_SIZE + sections.reduce((sum, { list }) => sum + SECTION_HEADER_SIZE + list.length * 14, 0),
  );
  for (const byte of [...MAGIC, VERSION]) writer.byte(byte);
  writer.byte(sections.length & 0xff);
  writer.byte(sections.length >> 8);
  let before = -1;
  for (const { nbits, list } of sections) {
    if (nbits <= before) throw new RangeError("sections are not in the order of nbits");
    before = nbits;
    writer.section(nbits, list);
  }
  return writer.finish();
}

/**
 * Decodes what {@link encodeCredits} wrote, and nothing else.
 *
 * @throws {SliceError}
 */
export function decodeCredits(payload: Uint8Array): CreditSection[] {
  if (payload.length < HEADER_SIZE) throw new SliceError({ code: "truncated", offset: payload.length });
  if (MAGIC.some((byte, at) => payload[at] !== byte)) throw new SliceError({ code: "bad-magic" });
  if (payload[3] !== VERSION) throw new SliceError({ code: "bad-version", version: payload[3]! });
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const count = view.getUint16(4, true);
  const sections: CreditSection[] = [];
  let offset = HEADER_SIZE;
  let before = -1;
  for (let section = 0; section < count; section++) {
    if (payload.length - offset < SECTION_HEADER_SIZE) throw truncated(payload.length);
    const nbits = view.getUint32(offset, true);
    if (nbits <= before) throw malformed("nbits", offset);
    before = nbits;
    const entries = view.getUint32(offset + 4, true);
    const end = offset + SECTION_HEADER_SIZE + view.getUint32(offset + 8, true);
    if (end > payload.length) throw truncated(payload.length);
    // An entry has three bytes at least: a declared length never makes room that the bytes do not fill.
    if (entries * 3 > end - offset) throw malformed("entries", offset + 4);
    sections.push({ nbits, list: new Reader(payload, offset + SECTION_HEADER_SIZE, end).list(entries) });
    offset = end;
  }
  if (offset !== payload.length) throw new SliceError({ code: "trailing-bytes", offset });
  return sections;
}

class Writer {
  #bytes: Uint8Array;
  #at = 0;

  constructor(estimate: number) {
    this.#bytes = new Uint8Array(estimate);
  }

  byte(value: number): void {
    this.#bytes[this.#at++] = value;
  }

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#at);
  }

  section(nbits: number, list: List): void {
    this.#makeRoom(SECTION_HEADER_SIZE);
    const start = this.#at;
    this.#at += SECTION_HEADER_SIZE;
    const { keys, counts, trueWork, creditedWork } = list;
    let account = 0;
    for (let index = 0; index < keys.length; index++) {
      this.#makeRoom(MAX_ENTRY);
      const next = accountOfKey(keys[index]!);
      const feeClass = classOfKey(keys[index]!);
      const low = creditedWork.low[index]!;
      const high = creditedWork.high[index]!;
      const isLess = low !== trueWork.low[index] || high !== trueWork.high[index];
      this.#varint((next - account) * 4 + (feeClass === 0 ? 0 : HAS_CLASS) + (isLess ? HAS_CREDIT : 0), 0);
      account = next;
      if (feeClass !== 0) this.byte(feeClass);
      this.#varint(counts[index]!, 0);
      this.#varint(trueWork.low[index]!, trueWork.high[index]!);
      if (isLess) this.#varint(low, high);
    }
    const view = new DataView(this.#bytes.buffer);
    view.setUint32(start, nbits, true);
    view.setUint32(start + 4, keys.length, true);
    view.setUint32(start + 8, this.#at - start - SECTION_HEADER_SIZE, true);
  }

  #varint(low: number, high: number): void {
    if (high > 0) {
      for (let group = 0; group < GROUPS_PER_LIMB; group++) {
        this.byte((low % 128) + 128);
        low = Math.floor(low / 128);
      }
      low = high;
    }
    while (low >= 128) {
      this.byte((low % 128) + 128);
      low = Math.floor(low / 128);
    }
    this.byte(low);
  }

  #makeRoom(size: number): void {
    if (this.#bytes.length - this.#at >= size) return;
    const larger = new Uint8Array(this.#bytes.length * 2 + size);
    larger.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = larger;
  }
}

class Reader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;
  /** The varint read last. */
  #low = 0;
  #high = 0;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  list(length: number): List {
    const list = new CreditList(length);
    const { keys, counts, trueWork, creditedWork } = list;
    let account = 0;
    let before = -1;
    for (let index = 0; index < length; index++) {
      const start = this.#at;
      this.#varint("tag");
      const tag = this.#small("tag", start);
      account += Math.floor(tag / 4);
      if (account >= ACCOUNT_LIMIT) throw malformed("account", start);
      let feeClass = 0;
      if ((tag & HAS_CLASS) !== 0) {
        if (this.#at >= this.#end) throw truncated(this.#at);
        feeClass = this.#bytes[this.#at++]!;
        if (feeClass === 0) throw malformed("feeClass", this.#at - 1);
      }
      const key = creditKey(account, feeClass);
      if (key <= before) throw malformed("order", start);
      before = key;
      keys[index] = key;
      const countAt = this.#at;
      this.#varint("count");
      counts[index] = this.#small("count", countAt);
      if (counts[index] === 0) throw malformed("count", countAt);
      const workAt = this.#at;
      this.#varint("trueWork");
      const low = this.#low;
      const high = this.#high;
      if (low === 0 && high === 0) throw malformed("trueWork", workAt);
      trueWork.low[index] = low;
      trueWork.high[index] = high;
      if ((tag & HAS_CREDIT) !== 0) {
        const creditAt = this.#at;
        this.#varint("creditedWork");
        if (this.#high > high || (this.#high === high && this.#low >= low))
          throw malformed("creditedWork", creditAt);
      }
      creditedWork.low[index] = this.#low;
      creditedWork.high[index] = this.#high;
    }
    if (this.#at !== this.#end) throw new SliceError({ code: "trailing-bytes", offset: this.#at });
    return list;
  }

  #varint(field: string): void {
    const start = this.#at;
    this.#low = 0;
    this.#high = 0;
    let scale = 1;
    for (let group = 0; group < MAX_VARINT; group++) {
      if (this.#at >= this.#end) throw truncated(this.#at);
      const byte = this.#bytes[this.#at++]!;
      if (group < GROUPS_PER_LIMB) this.#low += (byte & 127) * scale;
      else this.#high += (byte & 127) * scale;
      scale *= 128;
      if (scale === LIMB) scale = 1;
      if (byte < 128) {
        if (byte === 0 && group > 0) throw malformed(field, start); // a shorter form exists
        return;
      }
    }
    throw malformed(field, start);
  }

  /** The varint read last, when it fits one limb. */
  #small(field: string, offset: number): number {
    if (this.#high !== 0) throw malformed(field, offset);
    return this.#low;
  }
}

function truncated(offset: number): SliceError {
  return new SliceError({ code: "truncated", offset }, `credit list ends at byte ${offset}`);
}

function malformed(field: string, offset: number): SliceError {
  return new SliceError(
    { code: "malformed", field, offset },
    `credit list: ${field} at ${offset} is malformed`,
  );
}
