/**
 * The layout of a share batch's payload (docs/share-batches.md). All integers are little-endian. Version 2, which is written:
 *
 *   header      "LSB" | version u8 = 2 | rows u32 | identities u32 | their bytes u32 | jobs u32 | works u32 | their bytes u32
 *               | blocks u32 | began u64 | span u32
 *   identities  fee class u8 | script length u16 | script | worker length u8 | worker (UTF-8)
 *   jobs        kind u8 | prev_hash 32 | height u32 | nbits u32 | value u64 | reference value u64 | template fees u64
 *   works       size u8 | true work | size u8, or 255 for "the same" | credited work
 *   rows        connection u32 | channel u32 | sequence u32 | identity | job | work | milliseconds since began | flags u8
 *   blocks      hash 32, one for each row with the flag, in their order
 *
 * The indexes of a row and its milliseconds take as few bytes of 1, 2 or 4 as the largest needs ({@link fieldWidth}).
 * It is canonical: entries of a dictionary are distinct and stand in the order of their first row, works have no leading zero
 * byte, some row is `span` milliseconds after `began` and some row is none. So equal shares give equal bytes.
 *
 * Version 1, which is read:
 *
 *   header      "LSB" | version u8 = 1 | rows u32 | identities u32 | their bytes u32
 *   identities  script length u16 | script | worker length u8 | worker (UTF-8)
 *   rows        connection u32 | channel u32 | sequence u32 | identity u32 | work u128 | fee class u8
 */
export const LAYOUT_VERSION = 2;
/** "LSB" as bytes. */
export const MAGIC: readonly [number, number, number] = [0x4c, 0x53, 0x42];
/** Offsets in the header of version 2, bytes. */
export const Header = {
  rows: 4,
  identities: 8,
  identityBytes: 12,
  jobs: 16,
  works: 20,
  workBytes: 24,
  blocks: 28,
  began: 32,
  span: 40,
} as const;
export const HEADER_SIZE = 44;
/** Offsets in a job, bytes. */
export const Job = {
  kind: 0,
  prevHash: 1,
  height: 33,
  nbits: 37,
  value: 41,
  referenceValue: 49,
  templateFees: 57,
} as const;
export const JOB_SIZE = 65;
/** A job's kind is stored as its place here. */
export const jobKinds = ["pool", "solo", "custom"] as const;
/** Offsets in a row, bytes, up to the fields whose width varies. */
export const Row = { connectionId: 0, channelId: 4, sequenceNumber: 8, identity: 12 } as const;
/** Flag of a row: it met the network's target, its hash stands in `blocks`. No other flag is in use. */
export const FLAG_BLOCK = 1;
/** In place of a size: the credited work is the true work. */
export const SAME_WORK = 0xff;
export const MAX_WORK_BYTES = 16;
export const HASH_SIZE = 32;
/** Most shares in a batch: 2.5 MB of rows commit well inside the answer's deadline. */
export const MAX_BATCH_SHARES = 100_000;
export const MAX_SCRIPT_BYTES = 0xffff;
export const MAX_WORKER_BYTES = 0xff;
/** 2^63-1: money fits the database's bigint. */
export const MAX_MONEY = (1n << 63n) - 1n;

/** Version 1. */
export const HEADER_SIZE_1 = 16;
export const ROW_SIZE_1 = 33;
export const Row1 = {
  connectionId: 0,
  channelId: 4,
  sequenceNumber: 8,
  identity: 12,
  work: 16,
  feeClass: 32,
} as const;

/** Bytes of a field whose values go up to `largest`. */
export type FieldWidth = 1 | 2 | 4;

export function fieldWidth(largest: number): FieldWidth {
  return largest <= 0xff ? 1 : largest <= 0xffff ? 2 : 4;
}

/** What follows {@link Row.identity} in a row: offsets, bytes. */
export interface RowShape {
  readonly identityWidth: FieldWidth;
  readonly job: number;
  readonly jobWidth: FieldWidth;
  readonly work: number;
  readonly workWidth: FieldWidth;
  readonly elapsed: number;
  readonly elapsedWidth: FieldWidth;
  readonly flags: number;
  readonly size: number;
}

/** The shape of a batch's rows: of counts (at least 1) and the milliseconds between its first and last share. */
export function rowShape(identities: number, jobs: number, works: number, span: number): RowShape {
  const identityWidth = fieldWidth(identities - 1);
  const jobWidth = fieldWidth(jobs - 1);
  const workWidth = fieldWidth(works - 1);
  const elapsedWidth = fieldWidth(span);
  const job = Row.identity + identityWidth;
  const work = job + jobWidth;
  const elapsed = work + workWidth;
  const flags = elapsed + elapsedWidth;
  return {
    identityWidth,
    job,
    jobWidth,
    work,
    workWidth,
    elapsed,
    elapsedWidth,
    flags,
    size: flags + 1,
  };
}
