/**
 * The layout of a share batch's payload, version 1 (docs/share-batches.md). All integers are little-endian.
 *
 *   header      "LSB" | version u8 | rows u32 | identities u32 | bytes of the identities u32
 *   identities  script length u16 | script | worker length u8 | worker (UTF-8)
 *   rows        connection u32 | channel u32 | sequence u32 | identity u32 | work u128 | fee class u8
 *
 * It is canonical: identities are distinct and stand in the order of their first row, so equal shares give equal bytes.
 */
export const LAYOUT_VERSION = 1;
/** "LSB" as bytes. */
export const MAGIC: readonly [number, number, number] = [0x4c, 0x53, 0x42];
export const HEADER_SIZE = 16;
export const ROW_SIZE = 33;
/** Offsets inside a row, bytes. */
export const Row = {
  connectionId: 0,
  channelId: 4,
  sequenceNumber: 8,
  identity: 12,
  work: 16,
  feeClass: 32,
} as const;
/** Most shares in a batch: 3.3 MB of rows commit well inside the answer's deadline. */
export const MAX_BATCH_SHARES = 100_000;
export const MAX_SCRIPT_BYTES = 0xffff;
export const MAX_WORKER_BYTES = 0xff;
