/** Where a store keeps a block; only the store that gave it understands it. */
export interface BlockLocation {
  readonly offset: number;
  readonly length: number;
}

/** Keeps serialized blocks. */
export interface BlockStore {
  /** Stores a block; on return it is as durable as the store makes it. */
  append(block: Uint8Array): BlockLocation;
  read(location: BlockLocation): Uint8Array;
  /** Every block stored so far, oldest first. */
  stored(): Iterable<{ block: Uint8Array; location: BlockLocation }>;
  close(): void;
}

/** Keeps blocks in memory, for tests and simulations. */
export class MemoryBlockStore implements BlockStore {
  readonly #blocks: Uint8Array[] = [];

  append(block: Uint8Array): BlockLocation {
    const offset = this.#blocks.push(block) - 1;
    return { offset, length: block.length };
  }

  read({ offset }: BlockLocation): Uint8Array {
    return this.#blocks[offset] as Uint8Array;
  }

  *stored(): Iterable<{ block: Uint8Array; location: BlockLocation }> {
    for (const [offset, block] of this.#blocks.entries())
      yield { block, location: { offset, length: block.length } };
  }

  close(): void {}
}
