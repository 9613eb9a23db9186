import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addon, type BackendUnderTest, js, outcome } from "./backends-under-test.ts";
import {
  type FrameCipher,
  MAX_BLOCK_PLAINTEXT,
  MAX_EXTRANONCE_SIZE,
  type Native,
  sealedFrameSize,
} from "./contract.ts";

const bytes = (minLength: number, maxLength: number) => fc.uint8Array({ minLength, maxLength });
const exactly = (size: number) => bytes(size, size);
const u32 = fc.nat({ max: 0xffff_ffff });

const jobParts = fc.record({
  coinbaseTxPrefix: bytes(0, 300),
  coinbaseTxSuffix: bytes(0, 300),
  merklePath: fc.nat({ max: 14 }).chain((levels) => exactly(32 * levels)),
  prevHash: exactly(32),
  nbits: u32,
});

const target = fc.oneof(exactly(32), fc.constant("hash"), fc.constant("hash less one"));

const share = fc.record({
  extranonce: bytes(0, MAX_EXTRANONCE_SIZE),
  version: u32,
  ntime: u32,
  nonce: u32,
  first: target,
  second: fc.option(target),
});

/** Payload sizes from nothing to 200,000 bytes, more often close to the border of a block. */
const payloadSize = fc.oneof(
  fc.nat({ max: 300 }),
  fc
    .tuple(fc.nat({ max: 3 }), fc.integer({ min: -20, max: 20 }))
    .map(([blocks, around]) => Math.max(0, blocks * MAX_BLOCK_PLAINTEXT + around)),
  fc.nat({ max: 200_000 }),
);

const frameStep = fc.record({
  size: payloadSize,
  seed: fc.nat({ max: 255 }),
  offset: fc.nat({ max: 70 }),
  /** Where a bit is turned before the frame is opened for the first time, if at all. */
  forgeAt: fc.option(fc.nat(), { freq: 3 }),
});

/** Anything a careless caller may hand over, right and wrong. */
const argument = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(0, 5, 6, 22, 24, 30, 31, 32, 33, 64, 80, 100, 101).chain(exactly) },
  { weight: 3, arbitrary: fc.oneof(fc.nat({ max: 64 }), u32, fc.integer(), fc.double()) },
  { weight: 2, arbitrary: fc.anything({ withTypedArray: true, withBigInt: true, withSparseArray: true }) },
  { weight: 1, arbitrary: fc.constant(null) },
);

type Call = (...args: unknown[]) => unknown;
type ValueOf<A> = A extends fc.Arbitrary<infer T> ? T : never;

function runShare(native: Native, parts: Parameters<Native["createJob"]>[0], given: ValueOf<typeof share>) {
  const { extranonce, version, ntime, nonce } = given;
  const { prevHash } = parts;
  const job = native.createJob(parts);
  const header = job.header(extranonce, version, ntime, nonce);
  const expected = native.sha256d(header);
  const resolve = (value: Uint8Array | string) => {
    if (typeof value !== "string") return value;
    const resolved = expected.slice();
    if (value === "hash less one") resolved[0]!--;
    return resolved;
  };
  const hash = new Uint8Array(32);
  const second = given.second === null ? null : resolve(given.second);
  const first = resolve(given.first);
  const met = job.checkShare(extranonce, version, ntime, nonce, first, second, hash);
  expect(hash).toEqual(expected);
  const root = job.merkleRoot(extranonce);
  const sameHash = new Uint8Array(32);
  expect(job.checkStandardShare(root, version, ntime, nonce, first, second, sameHash)).toBe(met);
  expect(sameHash).toEqual(expected);
  // A root that is no extranonce's.
  const other = new Uint8Array(32);
  const metByOther = job.checkStandardShare(prevHash, version, ntime, nonce, first, second, other);
  job.free();
  return [met, hash, header, root, metByOther, other];
}

/** Sends frames one after the other and returns everything both ends saw. */
function runSession(
  { native }: BackendUnderTest,
  key: Uint8Array,
  steps: readonly ValueOf<typeof frameStep>[],
) {
  const sender = native.createCipher(key);
  const receiver = native.createCipher(key);
  const seen: unknown[] = [];
  for (const { size, seed, offset, forgeAt } of steps) {
    const frame = Uint8Array.from({ length: 6 + size }, (_, index) => index * 31 + seed);
    const sealed = new Uint8Array(offset + sealedFrameSize(size) + 3);
    seen.push(sender.sealFrame(frame, sealed, offset), Buffer.from(sealed).toString("base64"));
    if (forgeAt !== null) {
      const forged = sealed.slice();
      const at = offset + (forgeAt % sealedFrameSize(size));
      forged[at]! ^= 1 << (forgeAt % 8);
      const inHeader = at < offset + 22;
      seen.push(openBoth(receiver, forged, offset, size, inHeader));
      if (!inHeader) {
        const payload = new Uint8Array(size);
        expect(receiver.openPayload(sealed, offset + 22, size, payload)).toBe(true);
        expect(Buffer.compare(payload, frame.subarray(6))).toBe(0);
        continue;
      }
    }
    const opened = openBoth(receiver, sealed, offset, size, false);
    expect(opened).toBe(`true true ${Buffer.from(frame).toString("base64")}`);
  }
  sender.free();
  receiver.free();
  return seen;
}

function openBoth(
  cipher: FrameCipher,
  sealed: Uint8Array,
  offset: number,
  size: number,
  headerOnly: boolean,
) {
  const frame = new Uint8Array(6 + size);
  const header = cipher.openHeader(sealed, offset, frame.subarray(0, 6));
  const payload = headerOnly ? "unread" : cipher.openPayload(sealed, offset + 22, size, frame.subarray(6));
  return `${header} ${payload} ${Buffer.from(frame).toString("base64")}`;
}

describe.skipIf(typeof addon === "string")(
  typeof addon === "string" ? `both backends, skipped: ${addon}` : "both backends",
  () => {
    const both = [addon as BackendUnderTest, js] as const;

    it("hash alike", () => {
      fc.assert(
        fc.property(bytes(0, 400), (data) => {
          expect(both[0].native.sha256d(data)).toEqual(both[1].native.sha256d(data));
        }),
        { numRuns: 300 },
      );
    });

    it("judge shares alike", () => {
      fc.assert(
        fc.property(jobParts, share, (parts, given) => {
          const [one, other] = both.map(({ native }) => runShare(native, parts, given));
          expect(one).toEqual(other);
        }),
        { numRuns: 300 },
      );
    });

    it("seal, open and refuse frames alike", () => {
      fc.assert(
        fc.property(exactly(32), fc.array(frameStep, { minLength: 1, maxLength: 4 }), (key, steps) => {
          const [one, other] = both.map((backend) => runSession(backend, key, steps));
          expect(one).toEqual(other);
        }),
        { numRuns: 40 },
      );
    });

    it("open what the other has sealed", () => {
      fc.assert(
        fc.property(exactly(32), payloadSize, fc.boolean(), (key, size, swap) => {
          const [from, to] = swap ? [both[1], both[0]] : both;
          const frame = new Uint8Array(6 + size).fill(size);
          const sealed = new Uint8Array(sealedFrameSize(size));
          from.native.createCipher(key).sealFrame(frame, sealed, 0);
          const opened = openBoth(to.native.createCipher(key), sealed, 0, size, false);
          expect(opened).toBe(`true true ${Buffer.from(frame).toString("base64")}`);
        }),
        { numRuns: 30 },
      );
    });

    it("count alike from anywhere up to the wrap", () => {
      const start = fc.oneof(
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        fc.bigInt({ min: 2n ** 32n - 6n, max: 2n ** 32n }),
        fc.bigInt({ min: 2n ** 64n - 6n, max: 2n ** 64n - 1n }),
      );
      const operation = fc.constantFrom("seal", "seal large", "open header", "open payload", "free");
      fc.assert(
        fc.property(exactly(32), start, fc.array(operation, { maxLength: 6 }), (key, counter, names) => {
          const [one, other] = both.map((backend) => {
            const cipher = backend.cipherAt(key, counter);
            const memory = new Uint8Array(70_000);
            return names.map((name) =>
              outcome(() => {
                if (name === "seal") cipher.sealFrame(new Uint8Array(16), memory, 0);
                else if (name === "seal large") cipher.sealFrame(new Uint8Array(65_600), memory, 0);
                else if (name === "open header") return cipher.openHeader(memory, 0, new Uint8Array(6));
                else if (name === "open payload")
                  return cipher.openPayload(memory, 0, 30, new Uint8Array(30));
                else cipher.free();
                return Buffer.from(memory).toString("base64");
              }),
            );
          });
          expect(one).toEqual(other);
        }),
        { numRuns: 60 },
      );
    });

    it.each([
      ["checkShare", 7],
      ["checkStandardShare", 7],
      ["merkleRoot", 1],
      ["header", 4],
      ["sealFrame", 3],
      ["openHeader", 3],
      ["openPayload", 4],
      ["sha256d", 1],
      ["createJob", 5],
      ["createCipher", 1],
    ] as const)("answer anything handed to %s alike, and with coded errors alone", (name, count) => {
      const call = (native: Native, args: readonly unknown[]): unknown => {
        const [coinbaseTxPrefix, coinbaseTxSuffix, merklePath, prevHash, nbits] = args;
        const key = new Uint8Array(32);
        switch (name) {
          case "sha256d":
            return (native.sha256d as Call)(...args);
          case "createCipher":
            return (native.createCipher as Call)(...args) !== undefined;
          case "createJob":
            return (
              (native.createJob as Call)({
                coinbaseTxPrefix,
                coinbaseTxSuffix,
                merklePath,
                prevHash,
                nbits,
              }) !== undefined
            );
          case "checkShare":
          case "checkStandardShare":
          case "merkleRoot":
          case "header": {
            const empty = new Uint8Array(0);
            const parts = {
              coinbaseTxPrefix: empty,
              coinbaseTxSuffix: empty,
              merklePath: empty,
              prevHash: key,
              nbits: 0,
            };
            const job = native.createJob(parts);
            return (job[name] as Call).apply(job, [...args]);
          }
          default: {
            const cipher = native.createCipher(key);
            return (cipher[name] as Call).apply(cipher, [...args]);
          }
        }
      };
      fc.assert(
        fc.property(fc.array(argument, { minLength: count, maxLength: count }), (args) => {
          const [one, other] = both.map(({ native }) => {
            const given = args.map((arg) => (arg instanceof Uint8Array ? arg.slice() : arg));
            const result = outcome(() => call(native, given));
            return { result, outputs: given.filter((arg) => arg instanceof Uint8Array) };
          });
          expect(one).toEqual(other);
          if ("threw" in (one!.result as object)) {
            expect(one!.result).toMatchObject({ threw: "NativeError" });
            expect(one!.outputs).toEqual(args.filter((arg) => arg instanceof Uint8Array));
          }
        }),
        { numRuns: 300 },
      );
    });
  },
);
