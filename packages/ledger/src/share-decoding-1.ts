import { ShareCodecError } from "./share-codec-error.ts";
import { IdentityReader } from "./share-identities.ts";
import { HEADER_SIZE_1, MAX_BATCH_SHARES, ROW_SIZE_1, Row1 } from "./share-layout.ts";
import type { ShareRecord } from "./share-record.ts";

const { malformed, trailing, truncated } = ShareCodecError;

/** Decodes a payload of layout 1, whose magic and version were checked. Its shares have no job and no time. */
export function decodeShares1(payload: Uint8Array, view: DataView): ShareRecord[] {
  if (payload.length < HEADER_SIZE_1) throw truncated(payload.length);
  const rows = view.getUint32(4, true);
  const identityCount = view.getUint32(8, true);
  const rowsAt = HEADER_SIZE_1 + view.getUint32(12, true);
  if (rows > MAX_BATCH_SHARES) {
    throw new ShareCodecError({ code: "too-many-shares", count: rows, max: MAX_BATCH_SHARES });
  }
  if (identityCount > rows) throw malformed("identities", 8);
  const size = rowsAt + rows * ROW_SIZE_1;
  if (payload.length < size) throw truncated(payload.length);
  if (payload.length > size) throw trailing(size);
  const identities = new IdentityReader(payload, view, rowsAt, false).readAll(identityCount, HEADER_SIZE_1);
  const records: ShareRecord[] = [];
  let known = 0;
  for (let row = 0, offset = rowsAt; row < rows; row++, offset += ROW_SIZE_1) {
    const index = view.getUint32(offset + Row1.identity, true);
    if (index > known || index >= identities.length) throw malformed("identity", offset + Row1.identity);
    if (index === known) known++;
    const { payoutScript, worker } = identities[index]!;
    const work =
      view.getBigUint64(offset + Row1.work, true) | (view.getBigUint64(offset + Row1.work + 8, true) << 64n);
    if (work === 0n) throw malformed("work", offset + Row1.work);
    records.push({
      connectionId: view.getUint32(offset + Row1.connectionId, true),
      channelId: view.getUint32(offset + Row1.channelId, true),
      sequenceNumber: view.getUint32(offset + Row1.sequenceNumber, true),
      payoutScript,
      worker,
      feeClass: view.getUint8(offset + Row1.feeClass),
      job: null,
      work,
      creditedWork: work,
      receivedAt: null,
      blockHash: null,
    });
  }
  if (known !== identities.length) throw malformed("identities", 8);
  return records;
}
