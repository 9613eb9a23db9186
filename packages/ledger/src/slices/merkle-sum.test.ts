import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  byPseudonym,
  merkleSumProof,
  merkleSumRoot,
  pseudonym,
  rootOfProof,
  type SliceRow,
} from "./merkle-sum.ts";
import { type SliceHeader, sliceHash } from "./slice-header.ts";

const row: fc.Arbitrary<SliceRow> = fc
  .record({
    pseudonym: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    count: fc.bigInt(1n, 2n ** 32n - 1n),
    trueWork: fc.bigInt(1n, 2n ** 98n),
  })
  .map((fields) => ({ ...fields, creditedWork: fields.trueWork / 2n }));
const rows = fc.array(row, { minLength: 1, maxLength: 17 }).map((list) => list.sort(byPseudonym));

describe("a Merkle-sum tree", () => {
  it("leads from every row to one root that holds the sums", () => {
    fc.assert(
      fc.property(rows, (list) => {
        const root = merkleSumRoot(list);
        const sum = (pick: (entry: SliceRow) => bigint) =>
          list.reduce((total, entry) => total + pick(entry), 0n);
        expect(root.count).toBe(sum(({ count }) => count));
        expect(root.trueWork).toBe(sum(({ trueWork }) => trueWork));
        expect(root.creditedWork).toBe(sum(({ creditedWork }) => creditedWork));
        for (const [index, entry] of list.entries()) {
          expect(rootOfProof(entry, index, merkleSumProof(list, index))).toEqual(root);
        }
      }),
    );
  });

  it("has another root when a row, a sum on the way or the place differs", () => {
    fc.assert(
      fc.property(rows, fc.nat(), (list, pick) => {
        const index = pick % list.length;
        const entry = list[index]!;
        const root = merkleSumRoot(list);
        const steps = merkleSumProof(list, index);
        const others = [
          rootOfProof({ ...entry, creditedWork: entry.creditedWork + 1n }, index, steps),
          rootOfProof({ ...entry, count: entry.count - 1n }, index, steps),
          rootOfProof(entry, index + 1, steps),
          ...steps.map((step, at) => {
            const sibling = { ...step.sibling, trueWork: step.sibling.trueWork + 1n };
            return rootOfProof(entry, index, steps.with(at, { ...step, sibling }));
          }),
        ];
        for (const other of others) expect(other.hash).not.toEqual(root.hash);
      }),
    );
  });

  it("hashes leaves and nodes as documented", () => {
    const sha256 = (hex: string) => createHash("sha256").update(Buffer.from(hex, "hex")).digest("hex");
    const leafHex = (index: string, name: string, count: string, work: string) =>
      `00${index}${name.repeat(32)}${count}${work.padStart(64, "0")}${work.padStart(64, "0")}`;
    const a = sha256(leafHex("00000000", "aa", "00000002", "0a"));
    const b = sha256(leafHex("00000001", "bb", "00000001", "05"));
    const side = (hash: string, count: string, work: string) =>
      `${hash}${count.padStart(16, "0")}${work.padStart(64, "0")}${work.padStart(64, "0")}`;
    const rowOf = (name: number, count: bigint, work: bigint) => ({
      pseudonym: new Uint8Array(32).fill(name),
      count,
      trueWork: work,
      creditedWork: work,
    });
    const root = merkleSumRoot([rowOf(0xaa, 2n, 10n), rowOf(0xbb, 1n, 5n)]);
    expect(Buffer.from(root.hash).toString("hex")).toBe(
      sha256(`01${side(a, "2", "0a")}${side(b, "1", "05")}`),
    );
  });

  it("names an account differently in every slice and class", () => {
    const salt = new Uint8Array(32).fill(7);
    const names = [
      pseudonym(salt, 1, 0),
      pseudonym(salt, 2, 0),
      pseudonym(salt, 1, 1),
      pseudonym(new Uint8Array(32), 1, 0),
    ];
    expect(new Set(names.map((name) => Buffer.from(name).toString("hex"))).size).toBe(4);
  });
});

describe("a slice's hash", () => {
  it("changes with every field", () => {
    const header: SliceHeader = {
      seq: 3,
      previousHash: new Uint8Array(32).fill(1),
      prevHash: new Uint8Array(32).fill(2),
      height: 800_000,
      nbits: 0x17020684,
      openedAt: 1_700_000_000_000,
      sealedAt: 1_700_000_240_000,
      count: 24,
      windowWork: 10n,
      trueWork: 12n,
      creditedWork: 9n,
      merkleRoot: new Uint8Array(32).fill(3),
      n: { num: 8n, den: 1n },
      policyVersion: 1,
      late: false,
    };
    const changed: SliceHeader[] = Object.entries(header).map(([name, value]) => ({
      ...header,
      [name]:
        typeof value === "number"
          ? value + 1
          : typeof value === "bigint"
            ? value + 1n
            : typeof value === "boolean"
              ? !value
              : value instanceof Uint8Array
                ? value.with(0, 99)
                : { num: 8n, den: 3n },
    }));
    const hashes = [header, ...changed].map((one) => Buffer.from(sliceHash(one)).toString("hex"));
    expect(new Set(hashes).size).toBe(Object.keys(header).length + 1);
  });
});
