import { describe, expect, it } from "vitest";
import { someJob, someShare } from "../test/share-arbitraries.ts";
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

describe("decodeShares, layout 1", () => {
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
    ["a layout of the future", Buffer.from("LSB\x03"), { code: "bad-version", version: 3 }],
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
});

/** One share; offsets: identity at 44, job at 53, work at 118, row at 122, hash at 139. */
const valid = encodeShares([{ ...someShare, blockHash: new Uint8Array(32) }]);

function changed(...changes: readonly [at: number, ...bytes: number[]][]): Uint8Array {
  const payload = valid.slice();
  for (const [at, ...bytes] of changes) payload.set(bytes, at);
  return payload;
}

describe("decodeShares, layout 2", () => {
  it("has the offsets that the cases below rely on", () => {
    expect([...valid.subarray(118, 122)]).toEqual([2, 0xe8, 3, 0xff]);
    expect(valid.length).toBe(171);
  });

  it.each([
    ["a header that ends early", valid.subarray(0, 43), { code: "truncated", offset: 43 }],
    ["no rows", changed([4, 0]), { code: "no-shares" }],
    ["rows without end", changed([4, 0xff, 0xff, 0xff, 0xff]), { code: "too-many-shares" }],
    ["no identities", changed([8, 0]), { code: "malformed", field: "identities", offset: 8 }],
    ["more jobs than rows", changed([16, 2]), { code: "malformed", field: "jobs", offset: 16 }],
    ["no works", changed([20, 0]), { code: "malformed", field: "works", offset: 20 }],
    ["more blocks than rows", changed([28, 2]), { code: "malformed", field: "blocks", offset: 28 }],
    ["a hash that no row has", changed([138, 0]), { code: "malformed", field: "blocks", offset: 28 }],
    ["a time beyond all clocks", changed([38, 0xff, 0xff]), { code: "malformed", field: "began" }],
    ["a span that no row reaches", changed([40, 1]), { code: "malformed", field: "span", offset: 40 }],
    ["a row later than the span", changed([137, 1]), { code: "malformed", field: "elapsed" }],
    ["a flag that is not in use", changed([138, 2]), { code: "malformed", field: "flags", offset: 138 }],
    ["an unknown kind of job", changed([53, 3]), { code: "malformed", field: "kind", offset: 53 }],
    ["money beyond all coins", changed([101, 0x80]), { code: "malformed", field: "value", offset: 94 }],
    ["work with a leading zero", changed([120, 0]), { code: "malformed", field: "work", offset: 118 }],
    ["work of no bytes", changed([118, 0]), { code: "malformed", field: "work", offset: 118 }],
    ["work longer than its section", changed([118, 4]), { code: "malformed", field: "work", offset: 118 }],
    ["credit longer than its section", changed([121, 1]), { code: "malformed", field: "creditedWork" }],
    ["a section of works that is too long", changed([24, 3], [12, 10]), { code: "trailing-bytes" }],
    ["an identity that is not there", changed([134, 1]), { code: "malformed", field: "identity" }],
    ["a job that is not there", changed([135, 1]), { code: "malformed", field: "job", offset: 135 }],
    ["a work that is not there", changed([136, 1]), { code: "malformed", field: "work", offset: 136 }],
    ["a byte too many", Buffer.concat([valid, Buffer.alloc(1)]), { code: "trailing-bytes", offset: 171 }],
  ])("refuses %s", (_what, payload, type) => {
    const error = expect.objectContaining({ type: expect.objectContaining(type) });
    expect(() => decodeShares(payload)).toThrow(error);
    expect(() => decodeShares(payload)).toThrow(ShareCodecError);
  });

  it("refuses a job or a work that stands twice, and credit that is not below the work", () => {
    const two = encodeShares([
      someShare,
      { ...someShare, job: { ...someJob, height: 1 }, work: 0x200n, creditedWork: 0x100n },
    ]);
    const twice = two.slice();
    twice.copyWithin(118, 53, 118);
    expect(() => decodeShares(twice)).toThrow(
      expect.objectContaining({ message: expect.stringMatching(/jobs/) }),
    );
    const equal = two.slice();
    const entry = Buffer.from(two).indexOf(Buffer.from("020002020001", "hex"));
    equal.set([0, 2], entry + 4);
    expect(() => decodeShares(equal)).toThrow(
      expect.objectContaining({ type: { code: "malformed", field: "creditedWork", offset: entry + 3 } }),
    );
  });
});
