const FIRST_BYTES = 32;

/** Which shares of one channel were acknowledged: a bit for each sequence number. */
export interface BookedChannel {
  readonly worker: string;
  readonly channelId: number;
  bits: Uint8Array;
}

/** Every acknowledged share of every honest channel, at a bit a share, for comparison with the database. */
export class ShareBook {
  readonly channels: BookedChannel[] = [];
  acknowledged = 0;

  open(worker: string, channelId: number): BookedChannel {
    const channel = { worker, channelId, bits: new Uint8Array(FIRST_BYTES) };
    this.channels.push(channel);
    return channel;
  }

  acknowledge(channel: BookedChannel, sequenceNumber: number): void {
    if (sequenceNumber >= channel.bits.length * 8) {
      const grown = new Uint8Array(Math.max(channel.bits.length * 2, (sequenceNumber >>> 3) + 1));
      grown.set(channel.bits);
      channel.bits = grown;
    }
    setBit(channel.bits, sequenceNumber);
    this.acknowledged++;
  }

  /** Drops channels without an acknowledged share. */
  compact(): readonly BookedChannel[] {
    return this.channels.filter(({ bits }) => bits.some((byte) => byte !== 0));
  }
}

export function hasBit(bits: Uint8Array, index: number): boolean {
  return ((bits[index >>> 3] ?? 0) & (1 << (index & 7))) !== 0;
}

export function setBit(bits: Uint8Array, index: number): void {
  bits[index >>> 3]! |= 1 << (index & 7);
}
