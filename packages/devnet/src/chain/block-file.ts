import {
  closeSync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { equalBytes, sha256d } from "@lode/bitcoin";
import { CodedError } from "@lode/ports";
import type { BlockLocation, BlockStore } from "./block-store.ts";

/** A file that is no block file, or one another process writes to. */
export type BlockFileErrorType = { code: "not-a-block-file"; path: string };
/** Thrown by {@link BlockFile}. */
export class BlockFileError extends CodedError<BlockFileErrorType> {}

/** Regtest's network magic, as in Core's blk files. */
const MAGIC = Uint8Array.of(0xfa, 0xbf, 0xb5, 0xda);
/** Magic, length (u32, little-endian), first 4 bytes of the block's double SHA-256. */
const RECORD_HEADER_SIZE = 12;
const MAX_BLOCK_SIZE = 4_000_000;

/**
 * Blocks one after another in one append-only file, each written through to the disk before `append` returns. A record that
 * a crash tore at the end of the file is cut off when the file is opened.
 */
export class BlockFile implements BlockStore {
  /** Bytes cut off at the end when the file was opened. */
  readonly discardedBytes: number;
  readonly #file: number;
  #size: number;

  /** @throws BlockFileError `not-a-block-file` when the file holds something else; it is left alone */
  constructor(path: string) {
    mkdirSync(dirname(path), { recursive: true });
    this.#file = openSync(path, "a+");
    const { size } = fstatSync(this.#file);
    const start = this.#read(0, Math.min(size, MAGIC.length));
    if (!equalBytes(start, MAGIC.subarray(0, start.length))) {
      closeSync(this.#file);
      throw new BlockFileError({ code: "not-a-block-file", path });
    }
    this.#size = size;
    let sound = 0;
    for (const { location } of this.stored()) sound = location.offset + location.length;
    this.discardedBytes = size - sound;
    if (this.discardedBytes > 0) ftruncateSync(this.#file, sound);
    this.#size = sound;
  }

  append(block: Uint8Array): BlockLocation {
    const record = new Uint8Array(RECORD_HEADER_SIZE + block.length);
    record.set(MAGIC, 0);
    new DataView(record.buffer).setUint32(4, block.length, true);
    record.set(sha256d(block).subarray(0, 4), 8);
    record.set(block, RECORD_HEADER_SIZE);
    for (let written = 0; written < record.length; ) written += writeSync(this.#file, record, written);
    fdatasyncSync(this.#file);
    const location = { offset: this.#size + RECORD_HEADER_SIZE, length: block.length };
    this.#size += record.length;
    return location;
  }

  read({ offset, length }: BlockLocation): Uint8Array {
    return this.#read(offset, length);
  }

  *stored(): Generator<{ block: Uint8Array; location: BlockLocation }> {
    let at = 0;
    while (at + RECORD_HEADER_SIZE <= this.#size) {
      const header = this.#read(at, RECORD_HEADER_SIZE);
      const length = new DataView(header.buffer).getUint32(4, true);
      const offset = at + RECORD_HEADER_SIZE;
      if (
        !equalBytes(header.subarray(0, 4), MAGIC) ||
        length > MAX_BLOCK_SIZE ||
        offset + length > this.#size
      )
        return;
      const block = this.#read(offset, length);
      if (!equalBytes(sha256d(block).subarray(0, 4), header.subarray(8))) return;
      yield { block, location: { offset, length } };
      at = offset + length;
    }
  }

  close(): void {
    closeSync(this.#file);
  }

  #read(offset: number, length: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(length);
    let read = 0;
    while (read < length) {
      const count = readSync(this.#file, bytes, read, length - read, offset + read);
      if (count === 0) return bytes.slice(0, read);
      read += count;
    }
    return bytes;
  }
}
