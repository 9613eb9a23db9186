import { openDatabase } from "@lode/ledger";
import { type BookedChannel, hasBit, setBit } from "./share-book.ts";

/** What the database says about shares that honest miners were promised. */
export interface Comparison {
  /** Honest shares in the database. */
  readonly recorded: number;
  /** Acknowledged and not in the database. */
  readonly missing: number;
  /** Rows beyond the first of one share. */
  readonly duplicates: number;
}

const ROWS_AT_A_TIME = 10_000;
/** Names of honest workers begin so; attackers' do not. */
const HONEST = ["honest%", "newcomer%"];

/** Compares every honest share in the database with the book, row by row: memory stays at two bits a share. */
export async function compareRecords(url: string, book: readonly BookedChannel[]): Promise<Comparison> {
  const seen = new Map<string, Uint8Array>();
  const booked = new Map(book.map((channel) => [keyOf(channel.worker, channel.channelId), channel]));
  let [recorded, found, duplicates] = [0, 0, 0];
  const database = openDatabase(url, { max: 1 });
  try {
    const rows = database<{ worker: string; channel_id: string; sequence_number: string }[]>`
      select worker, channel_id, sequence_number from share
      where worker like ${HONEST[0]!} or worker like ${HONEST[1]!}`;
    for await (const part of rows.cursor(ROWS_AT_A_TIME)) {
      for (const row of part) {
        recorded++;
        const key = keyOf(row.worker, row.channel_id);
        const number = Number(row.sequence_number);
        const bits = withRoom(seen, key, number);
        if (hasBit(bits, number)) duplicates++;
        else if (hasBit(booked.get(key)?.bits ?? bits, number)) found++;
        setBit(bits, number);
      }
    }
  } finally {
    await database.end();
  }
  const promised = book.reduce((sum, { bits }) => sum + ones(bits), 0);
  return { recorded, missing: promised - found, duplicates };
}

function withRoom(all: Map<string, Uint8Array>, key: string, number: number): Uint8Array {
  const bits = all.get(key) ?? new Uint8Array(32);
  if (number < bits.length * 8) {
    all.set(key, bits);
    return bits;
  }
  const grown = new Uint8Array(Math.max(bits.length * 2, (number >>> 3) + 1));
  grown.set(bits);
  all.set(key, grown);
  return grown;
}

function ones(bits: Uint8Array): number {
  let sum = 0;
  for (const byte of bits) for (let rest = byte; rest > 0; rest &= rest - 1) sum++;
  return sum;
}

function keyOf(worker: string, channelId: string | number): string {
  return `${worker}/${channelId}`;
}
