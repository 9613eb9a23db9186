import { createHash, randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { backends, outcome } from "./backends-under-test.ts";
import {
  MAX_COINBASE_PART_SIZE,
  MAX_EXTRANONCE_SIZE,
  MAX_MERKLE_PATH_LEVELS,
  type Native,
  type NativeJobParts,
  SHARE_MEETS_FIRST,
  SHARE_MEETS_SECOND,
} from "./contract.ts";

const random = (size: number) => new Uint8Array(randomBytes(size));
const extranonce = random(20);
const anyTarget = new Uint8Array(32).fill(0xff);
const noTarget = new Uint8Array(32);

function makeParts(levels = 3): NativeJobParts {
  return {
    coinbaseTxPrefix: random(131),
    coinbaseTxSuffix: random(90),
    merklePath: random(32 * levels),
    prevHash: random(32),
    nbits: 0xffff_ffff,
  };
}

/** The rule in its plainest form, on Node's streaming hash. */
function referenceHeader(
  parts: NativeJobParts,
  share: Uint8Array,
  version: number,
  ntime: number,
  nonce: number,
) {
  let root = twice(Buffer.concat([parts.coinbaseTxPrefix, share, parts.coinbaseTxSuffix]));
  for (let at = 0; at < parts.merklePath.length; at += 32) {
    root = twice(Buffer.concat([root, parts.merklePath.subarray(at, at + 32)]));
  }
  const numbers = Buffer.alloc(16);
  [version, ntime, parts.nbits, nonce].forEach((value, index) => {
    numbers.writeUInt32LE(value, 4 * index);
  });
  return new Uint8Array(Buffer.concat([numbers.subarray(0, 4), parts.prevHash, root, numbers.subarray(4)]));
}

function twice(data: Uint8Array): Buffer {
  return createHash("sha256").update(createHash("sha256").update(data).digest()).digest();
}

/** The little-endian integer one below. */
function below(value: Uint8Array): Uint8Array {
  const result = value.slice();
  let index = 0;
  while (result[index] === 0) result[index++] = 0xff;
  result[index]!--;
  return result;
}

type Check = (first: Uint8Array, second: Uint8Array | null, hash: Uint8Array) => number;

/** The check from the extranonce and the one from its merkle root, of one share of one job. */
function bothChecks(native: Native): Check[] {
  const job = native.createJob(makeParts());
  const root = job.merkleRoot(extranonce);
  return [
    (...against) => job.checkShare(extranonce, 1, 2, 3, ...against),
    (...against) => job.checkStandardShare(root, 1, 2, 3, ...against),
  ];
}

for (const { name, native, skipped } of backends) {
  describe.skipIf(skipped)(`a job: ${name}`, () => {
    it("hashes what the reference hashes, for every depth of path", () => {
      for (let levels = 0; levels <= MAX_MERKLE_PATH_LEVELS; levels++) {
        const parts = makeParts(levels);
        const job = native.createJob(parts);
        const header = referenceHeader(parts, extranonce, 0x2000_0000, 1_700_000_000 + levels, 0xffff_ffff);
        const hash = new Uint8Array(32);
        job.checkShare(extranonce, 0x2000_0000, 1_700_000_000 + levels, 0xffff_ffff, anyTarget, null, hash);
        expect(hash).toEqual(new Uint8Array(twice(header)));
        expect(job.header(extranonce, 0x2000_0000, 1_700_000_000 + levels, 0xffff_ffff)).toEqual(header);
        const root = job.merkleRoot(extranonce);
        expect(root).toEqual(header.slice(36, 68));
        const standard = new Uint8Array(32);
        job.checkStandardShare(
          root,
          0x2000_0000,
          1_700_000_000 + levels,
          0xffff_ffff,
          anyTarget,
          null,
          standard,
        );
        expect(standard).toEqual(hash);
      }
    });

    it("hashes the header around any root it is given, and keeps neither root nor share", () => {
      const parts = makeParts();
      const job = native.createJob(parts);
      const [own, hash] = [new Uint8Array(32), new Uint8Array(32)];
      job.checkShare(extranonce, 1, 2, 3, anyTarget, null, own);
      for (const [version, ntime, nonce] of [
        [0, 0, 0],
        [0xffff_ffff, 0xffff_ffff, 0xffff_ffff],
      ] as const) {
        const [root, header] = [random(32), referenceHeader(parts, extranonce, version, ntime, nonce)];
        header.set(root, 36);
        job.checkStandardShare(root, version, ntime, nonce, anyTarget, null, hash);
        expect(hash).toEqual(new Uint8Array(twice(header)));
        job.checkShare(extranonce, 1, 2, 3, anyTarget, null, hash);
        expect(hash).toEqual(own);
      }
    });

    it("hashes coinbases of every size around the hash's block borders", () => {
      for (let size = 0; size <= 2 * 64 + 1; size++) {
        const parts = { ...makeParts(1), coinbaseTxPrefix: random(size), coinbaseTxSuffix: random(size % 7) };
        for (const share of [extranonce, new Uint8Array(0), random(MAX_EXTRANONCE_SIZE)]) {
          const expected = referenceHeader(parts, share, 1, 2, 3);
          expect(native.createJob(parts).header(share, 1, 2, 3)).toEqual(expected);
        }
      }
    });

    it("accepts parts at their limits and refuses one more", () => {
      const parts = {
        ...makeParts(MAX_MERKLE_PATH_LEVELS),
        coinbaseTxPrefix: random(MAX_COINBASE_PART_SIZE),
        coinbaseTxSuffix: random(MAX_COINBASE_PART_SIZE),
      };
      const job = native.createJob(parts);
      expect(job.header(extranonce, 1, 2, 3)).toEqual(referenceHeader(parts, extranonce, 1, 2, 3));
      const tooLong = random(MAX_COINBASE_PART_SIZE + 1);
      const tooDeep = random(32 * (MAX_MERKLE_PATH_LEVELS + 1));
      for (const wrong of [
        { coinbaseTxPrefix: tooLong },
        { coinbaseTxSuffix: tooLong },
        { merklePath: tooDeep },
        { merklePath: random(33) },
        { prevHash: random(31) },
      ]) {
        expect(outcome(() => native.createJob({ ...parts, ...wrong }))).toMatchObject({
          code: "invalid-length",
        });
      }
      expect(outcome(() => job.merkleRoot(random(MAX_EXTRANONCE_SIZE + 1)))).toMatchObject({
        code: "invalid-length",
      });
    });

    it("meets a target equal to the hash and misses the one below", () => {
      for (const check of bothChecks(native)) {
        const hash = new Uint8Array(32);
        expect(check(anyTarget, null, hash)).toBe(SHARE_MEETS_FIRST);
        expect(check(noTarget, null, hash)).toBe(0);
        const equal = hash.slice();
        expect(check(equal, equal, hash)).toBe(SHARE_MEETS_FIRST | SHARE_MEETS_SECOND);
        expect(check(below(equal), equal, hash)).toBe(SHARE_MEETS_SECOND);
        expect(check(equal, below(equal), hash)).toBe(SHARE_MEETS_FIRST);
        expect(check(below(equal), below(equal), hash)).toBe(0);
      }
    });

    it("compares targets by their highest differing byte", () => {
      for (const check of bothChecks(native)) {
        const hash = new Uint8Array(32);
        check(anyTarget, null, hash);
        for (let index = 0; index < 32; index++) {
          const higher = hash.map((byte, at) => (at < index ? 0 : at === index ? byte + 1 : byte));
          const lower = hash.map((byte, at) => (at < index ? 0xff : at === index ? byte - 1 : byte));
          const met = check(higher, lower, hash.slice());
          expect(met & SHARE_MEETS_FIRST).toBe(hash[index] === 0xff ? 0 : SHARE_MEETS_FIRST);
          expect(met & SHARE_MEETS_SECOND).toBe(hash[index] === 0 ? SHARE_MEETS_SECOND : 0);
        }
      }
    });

    it("keeps copies: changing what it was made from changes nothing", () => {
      for (const wrap of [(data: Uint8Array) => data, (data: Uint8Array) => Buffer.from(data)]) {
        const parts = makeParts();
        const given = {
          coinbaseTxPrefix: wrap(parts.coinbaseTxPrefix.slice()),
          coinbaseTxSuffix: wrap(parts.coinbaseTxSuffix.slice()),
          merklePath: wrap(parts.merklePath.slice()),
          prevHash: wrap(parts.prevHash.slice()),
          nbits: parts.nbits,
        };
        const job = native.createJob(given);
        for (const part of [
          given.coinbaseTxPrefix,
          given.coinbaseTxSuffix,
          given.merklePath,
          given.prevHash,
        ]) {
          part.fill(0);
        }
        expect(job.header(extranonce, 1, 2, 3)).toEqual(referenceHeader(parts, extranonce, 1, 2, 3));
      }
    });

    it("lets the hash be written over one of the arguments", () => {
      const job = native.createJob(makeParts());
      const [root, hash] = [job.merkleRoot(extranonce), new Uint8Array(32)];
      job.checkShare(extranonce, 1, 2, 3, anyTarget, null, hash);
      const shared = hash.slice();
      expect(job.checkShare(extranonce, 1, 2, 3, shared, shared, shared)).toBe(3);
      expect(shared).toEqual(hash);
      expect(job.checkStandardShare(root, 1, 2, 3, shared, shared, shared)).toBe(3);
      expect(shared).toEqual(hash);
      expect(job.checkStandardShare(root, 1, 2, 3, hash, null, root)).toBe(SHARE_MEETS_FIRST);
      expect(root).toEqual(hash);
    });

    it("returns plain arrays of their own", () => {
      const job = native.createJob(makeParts());
      const results = [
        [native.sha256d(extranonce), native.sha256d(extranonce)],
        [job.merkleRoot(extranonce), job.merkleRoot(extranonce)],
        [job.header(extranonce, 1, 2, 3), job.header(extranonce, 1, 2, 3)],
      ] as const;
      for (const [one, other] of results) {
        expect(Object.getPrototypeOf(one)).toBe(Uint8Array.prototype);
        expect(one.buffer).not.toBe(other.buffer);
        expect(one).toEqual(other);
      }
    });

    it("answers nothing once it is freed", () => {
      const job = native.createJob(makeParts());
      job.free();
      job.free();
      const freed = { threw: "NativeError", code: "freed-handle" };
      expect(outcome(() => job.merkleRoot(extranonce))).toMatchObject(freed);
      expect(outcome(() => job.header(extranonce, 1, 2, 3))).toMatchObject(freed);
      const hash = new Uint8Array(32);
      expect(outcome(() => job.checkShare(extranonce, 1, 2, 3, anyTarget, null, hash))).toMatchObject(freed);
      const root = new Uint8Array(32);
      expect(outcome(() => job.checkStandardShare(root, 1, 2, 3, anyTarget, null, hash))).toMatchObject(
        freed,
      );
    });
  });
}
