import type { ShareRecord } from "../src/share-record.ts";

/** What layout 1 kept of a share. */
export type ShareRecord1 = Pick<
  ShareRecord,
  "connectionId" | "channelId" | "sequenceNumber" | "payoutScript" | "worker" | "feeClass" | "work"
>;

/** Layout 1, as earlier releases wrote it. Workers of at most 255 bytes. */
export function encodeShares1(records: readonly ShareRecord1[]): Uint8Array {
  const identities: Buffer[] = [];
  const rows = records.map((record) => {
    const identity = identityOf(record);
    let index = identities.findIndex((known) => known.equals(identity));
    if (index === -1) index = identities.push(identity) - 1;
    const row = Buffer.alloc(33);
    row.writeUInt32LE(record.connectionId, 0);
    row.writeUInt32LE(record.channelId, 4);
    row.writeUInt32LE(record.sequenceNumber, 8);
    row.writeUInt32LE(index, 12);
    row.writeBigUInt64LE(record.work & ((1n << 64n) - 1n), 16);
    row.writeBigUInt64LE(record.work >> 64n, 24);
    row[32] = record.feeClass;
    return row;
  });
  const bytes = Buffer.concat(identities);
  const header = Buffer.from(Uint32Array.of(0x0142534c, rows.length, identities.length, bytes.length).buffer);
  return Uint8Array.from(Buffer.concat([header, bytes, ...rows]));
}

function identityOf({ payoutScript, worker }: ShareRecord1): Buffer {
  const name = Buffer.from(worker);
  const size = Buffer.from(Uint16Array.of(payoutScript.length).buffer);
  return Buffer.concat([size, payoutScript, Buffer.of(name.length), name]);
}
