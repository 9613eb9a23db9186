import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { shareRecords } from "../test/share-arbitraries.ts";
import { ShareCodecError } from "./share-codec-error.ts";
import { decodeShares } from "./share-decoding.ts";
import { encodeShares } from "./share-encoding.ts";

const header = (rows: number, identities: number, bytes: number) =>
  Buffer.concat([
    Buffer.from("4c534201", "hex"),
    Buffer.from(Uint32Array.of(rows, identities, bytes).buffer),
  ]);
const identity = (script: string, worker: string) => {
  const scriptBytes = Buffer.from(script, "hex");
  const workerBytes = Buffer.from(worker, "hex");
  return Buffer.concat([
    Buffer.from(Uint16Array.of(scriptBytes.length).buffer),
    scriptBytes,
    Buffer.from([workerBytes.length]),
    workerBytes,
  ]);
};
const row = (index: number, work = 1) => {
  const bytes = Buffer.alloc(33);
  bytes.writeUInt32LE(1, 0);
  bytes.writeUInt32LE(index, 12);
  bytes.writeUInt32LE(work, 16);
  return bytes;
};
const batch = (identities: Buffer[], rows: Buffer[]) =>
  Buffer.concat([
    header(rows.length, identities.length, Buffer.concat(identities).length),
    ...identities,
    ...rows,
  ]);

const a = identity("51", "61");
const b = identity("52", "");

describe("decodeShares", () => {
  it("reads what is written by hand, from any place in a larger buffer", () => {
    const payload = batch([a, b], [row(0), row(1), row(0, 9)]);
    const shifted = Buffer.concat([Buffer.alloc(3), payload]).subarray(3);
    expect(decodeShares(shifted).map(({ worker, work }) => [worker, work])).toEqual([
      ["a", 1n],
      ["", 1n],
      ["a", 9n],
    ]);
  });

  it.each([
    ["nothing", Buffer.alloc(0), { code: "truncated", offset: 0 }],
    ["text", Buffer.from("LXB\x01 and more"), { code: "bad-magic" }],
    ["a layout of the future", Buffer.from("LSB\x02"), { code: "bad-version", version: 2 }],
    ["rows without end", header(0xffffffff, 0, 0), { code: "too-many-shares" }],
    ["a byte too many", Buffer.concat([batch([a], [row(0)]), Buffer.alloc(1)]), { code: "trailing-bytes" }],
    ["more identities than rows", batch([a, b], [row(0)]), { field: "identities", offset: 8 }],
    ["an identity nobody uses", batch([a, b], [row(0), row(0)]), { field: "identities", offset: 8 }],
    ["identities out of order", batch([a, b], [row(1), row(0)]), { field: "identity" }],
    ["an identity that is not there", batch([a], [row(0), row(1)]), { field: "identity" }],
    ["an identity twice", batch([a, a], [row(0), row(1)]), { field: "identities" }],
    ["work of nothing", batch([a], [row(0, 0)]), { field: "work" }],
    ["a worker that is no UTF-8", batch([identity("51", "ff")], [row(0)]), { field: "worker" }],
    ["a worker with NUL", batch([identity("51", "6100")], [row(0)]), { field: "worker" }],
    [
      "a script longer than its section",
      Buffer.concat([header(1, 1, 4), Buffer.from("0900510a", "hex"), row(0)]),
      { field: "payoutScript" },
    ],
    [
      "a worker longer than its section",
      Buffer.concat([header(1, 1, 4), Buffer.from("010051ff", "hex"), row(0)]),
      { field: "worker" },
    ],
    [
      "identities that do not fill their section",
      Buffer.concat([header(1, 1, a.length + 1), a, Buffer.alloc(1), row(0)]),
      { code: "trailing-bytes" },
    ],
  ])("refuses %s", (_what, payload, type) => {
    const error = expect.objectContaining({ type: expect.objectContaining(type) });
    expect(() => decodeShares(payload)).toThrow(error);
    expect(() => decodeShares(payload)).toThrow(ShareCodecError);
  });

  it("accepts no other bytes for the same shares", () => {
    fc.assert(
      fc.property(shareRecords, fc.nat(), fc.integer({ min: 1, max: 255 }), (records, where, change) => {
        const payload = encodeShares(records);
        const at = where % payload.length;
        payload[at] = (payload[at] ?? 0) ^ change;
        let decoded: ReturnType<typeof decodeShares>;
        try {
          decoded = decodeShares(payload);
        } catch {
          return;
        }
        expect(encodeShares(decoded)).toEqual(payload);
      }),
      { numRuns: 300 },
    );
  });
});
