import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { backends, outcome } from "./backends-under-test.ts";
import type { Native, NativeJobParts } from "./contract.ts";

const bytes = (size: number) => new Uint8Array(size).fill(1);

function detached(size: number): Uint8Array {
  const array = bytes(size);
  structuredClone(array.buffer, { transfer: [array.buffer] });
  return array;
}

const wrongBytes: readonly unknown[] = [
  undefined,
  null,
  0,
  32n,
  "0".repeat(32),
  true,
  Symbol("bytes"),
  {},
  { length: 32, 0: 1 },
  new Array(32).fill(1),
  new ArrayBuffer(32),
  new SharedArrayBuffer(32),
  new DataView(new ArrayBuffer(32)),
  new Int8Array(32),
  new Uint8ClampedArray(32),
  new Uint16Array(16),
  new Float64Array(4),
  new BigUint64Array(4),
  Object.create(Uint8Array.prototype),
  new Proxy(bytes(32), {}),
  () => bytes(32),
];

const wrongNumbers: readonly unknown[] = [
  undefined,
  null,
  "1",
  1n,
  true,
  {},
  [1],
  { valueOf: () => 1 },
  new Number(1),
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  -1,
  0.5,
  4294967295.5,
  4294967296,
  Number.MAX_SAFE_INTEGER,
];

/** Arrays whose memory is unusual but which are right, and must work. */
const unusualBytes: readonly ((size: number) => Uint8Array)[] = [
  (size) => Buffer.alloc(size, 1),
  (size) => new Uint8Array(new SharedArrayBuffer(size)).fill(1),
  (size) => new Uint8Array(new ArrayBuffer(size + 3), 3).fill(1),
  (size) => runInNewContext(`new Uint8Array(${size}).fill(1)`),
  (size) => new (class extends Uint8Array {})(size).fill(1),
  (size) => runInNewContext(`new Uint8Array(new ArrayBuffer(${size}, { maxByteLength: 200 })).fill(1)`),
];

/** A call as a table: its right arguments, and what fits each of them. */
interface Operation {
  readonly name: string;
  readonly args: readonly unknown[];
  run(native: Native, args: readonly unknown[]): unknown;
}

const parts: NativeJobParts = {
  coinbaseTxPrefix: bytes(50),
  coinbaseTxSuffix: bytes(60),
  merklePath: bytes(64),
  prevHash: bytes(32),
  nbits: 1,
};
const partNames = ["coinbaseTxPrefix", "coinbaseTxSuffix", "merklePath", "prevHash", "nbits"] as const;
const key = bytes(32);
/** No process has so many descriptors: nothing is sent. */
const NO_SOCKET = 0x7fff_ffff;

type Call = (...args: unknown[]) => unknown;

/** A method of a fresh handle. */
function method<Handle extends object>(
  make: (native: Native) => Handle,
  name: keyof Handle & string,
  args: readonly unknown[],
): Operation {
  return {
    name,
    args,
    run: (native, given) => {
      const handle = make(native);
      return (handle[name] as Call).apply(handle, [...given]);
    },
  };
}

const makeJob = (native: Native) => native.createJob(parts);
const makeCipher = (native: Native) => native.createCipher(key);

const allBackends: readonly Operation[] = [
  { name: "sha256d", args: [bytes(80)], run: (native, args) => (native.sha256d as Call)(...args) },
  {
    name: "createJob",
    args: partNames.map((part) => parts[part]),
    run: (native, args) =>
      native.createJob(
        Object.fromEntries(partNames.map((part, index) => [part, args[index]])) as unknown as NativeJobParts,
      ),
  },
  method(makeJob, "checkShare", [bytes(20), 1, 2, 3, bytes(32), bytes(32), bytes(32)]),
  method(makeJob, "checkStandardShare", [bytes(32), 1, 2, 3, bytes(32), bytes(32), bytes(32)]),
  method(makeJob, "merkleRoot", [bytes(20)]),
  method(makeJob, "header", [bytes(20), 1, 2, 3]),
  { name: "createCipher", args: [key], run: (native, args) => (native.createCipher as Call)(...args) },
  method(makeCipher, "sealFrame", [bytes(30), bytes(100), 0]),
  method(makeCipher, "openHeader", [bytes(100), 0, bytes(6)]),
  method(makeCipher, "openPayload", [bytes(100), 0, 24, bytes(24)]),
  {
    name: "sendNow",
    args: [NO_SOCKET, bytes(9), 9],
    run: (native, args) => (native.sendNow as Call)(...args),
  },
];

/** Of a part the stand-in leaves out. */
const elligatorSwiftOperations: readonly Operation[] = [
  {
    name: "encode",
    args: [bytes(32), bytes(33), bytes(64)],
    run: (native, args) => (native.elligatorSwift!.encode as Call)(...args),
  },
  {
    name: "decode",
    args: [bytes(64), bytes(32)],
    run: (native, args) => (native.elligatorSwift!.decode as Call)(...args),
  },
];

/** One argument replaced, the others fresh copies. */
function replaced(args: readonly unknown[], index: number, value: unknown): unknown[] {
  return args.map((arg, at) => (at === index ? value : arg instanceof Uint8Array ? arg.slice() : arg));
}

for (const { name, native, skipped } of backends) {
  const operations =
    native.elligatorSwift === null ? allBackends : [...allBackends, ...elligatorSwiftOperations];
  describe.skipIf(skipped)(`arguments: ${name}`, () => {
    it.each(operations)("$name refuses every argument of a wrong type", ({ name: operation, args, run }) => {
      for (const [index, right] of args.entries()) {
        for (const wrong of right instanceof Uint8Array ? wrongBytes : wrongNumbers) {
          // A share may come without a second target.
          if (/^check.*Share$/.test(operation) && index === 5 && wrong === null) continue;
          const given = replaced(args, index, wrong);
          expect(outcome(() => run(native, given))).toMatchObject({
            threw: "NativeError",
            code: "invalid-argument",
          });
          given.forEach((arg, at) => {
            if (at !== index) expect(arg).toEqual(args[at]);
          });
        }
      }
    });

    it.each(operations)("$name refuses missing arguments and survives too many", ({ args, run }) => {
      for (let count = 0; count < args.length; count++) {
        expect(outcome(() => run(native, args.slice(0, count)))).toMatchObject({ code: "invalid-argument" });
      }
      expect(outcome(() => run(native, [...replaced(args, -1, 0), 1, 2, 3, 4, 5]))).toHaveProperty(
        "returned",
      );
    });

    it.each([
      ["createJob", 3, 31],
      ["createJob", 3, 33],
      ["createJob", 2, 31],
      ["createCipher", 0, 0],
      ["createCipher", 0, 31],
      ["createCipher", 0, 33],
      ["checkShare", 0, 101],
      ["checkShare", 4, 31],
      ["checkShare", 5, 33],
      ["checkShare", 6, 0],
      ["checkShare", 6, 33],
      ["checkStandardShare", 0, 0],
      ["checkStandardShare", 0, 31],
      ["checkStandardShare", 0, 33],
      ["checkStandardShare", 4, 31],
      ["checkStandardShare", 5, 33],
      ["checkStandardShare", 6, 0],
      ["checkStandardShare", 6, 33],
      ["merkleRoot", 0, 101],
      ["header", 0, 101],
      ["sealFrame", 0, 0],
      ["sealFrame", 0, 5],
      ["sealFrame", 0, 6 + 0x1000000],
      ["sealFrame", 1, 61],
      ["openHeader", 0, 21],
      ["openHeader", 2, 5],
      ["openHeader", 2, 7],
      ["openPayload", 0, 39],
      ["openPayload", 3, 23],
      ["sendNow", 1, 8],
    ])("%s refuses argument %i of %i bytes", (operation, index, size) => {
      const { args, run } = operations.find((candidate) => candidate.name === operation)!;
      const given = replaced(args, index, bytes(size));
      expect(outcome(() => run(native, given))).toMatchObject({
        threw: "NativeError",
        code: "invalid-length",
      });
    });

    it.each([
      ["sealFrame", 2, [39, 100, 101, 0xffff_ffff]],
      ["openHeader", 1, [79, 100, 101, 0xffff_ffff]],
      ["openPayload", 1, [61, 100, 101, 0xffff_ffff]],
      ["openPayload", 2, [25, 85, 0xff_ffff, 0x100_0000, 0xffff_ffff]],
      ["sendNow", 2, [10, 0xffff_ffff]],
    ] as const)(
      "%s refuses numbers in argument %i that lead out of the buffer",
      (operation, index, numbers) => {
        const { args, run } = operations.find((candidate) => candidate.name === operation)!;
        for (const number of numbers) {
          const given = replaced(args, index, number);
          expect(outcome(() => run(native, given))).toMatchObject({
            threw: "NativeError",
            code: "invalid-length",
          });
        }
      },
    );

    it.each(operations)("$name takes a detached array for an empty one", ({ args, run }) => {
      for (const [index, right] of args.entries()) {
        if (!(right instanceof Uint8Array)) continue;
        const withDetached = outcome(() => run(native, replaced(args, index, detached(right.length))));
        const withEmpty = outcome(() => run(native, replaced(args, index, new Uint8Array(0))));
        expect(withDetached).toEqual(withEmpty);
      }
    });

    it.each(operations)("$name works on byte arrays in any memory", ({ args, run }) => {
      for (const make of unusualBytes) {
        const unusual = args.map((arg) => (arg instanceof Uint8Array ? make(arg.length) : arg));
        const usual = replaced(args, -1, 0);
        expect(outcome(() => run(native, unusual))).toEqual(outcome(() => run(native, usual)));
        unusual.forEach((arg, index) => {
          if (arg instanceof Uint8Array) expect([...arg]).toEqual([...(usual[index] as Uint8Array)]);
        });
      }
    });

    it("accepts the limits of u32, and minus zero", () => {
      const job = native.createJob({ ...parts, nbits: 0xffff_ffff });
      const header = job.header(bytes(20), 0xffff_ffff, -0, 0);
      expect(new DataView(header.buffer, header.byteOffset).getUint32(0, true)).toBe(0xffff_ffff);
      expect(header.slice(68, 80)).toEqual(Uint8Array.of(0, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0));
    });

    it.each([undefined, null, 1, "parts", Symbol("parts")])(
      "refuses job parts that are no object: %s",
      (wrong) => {
        const create = native.createJob as Call;
        expect(outcome(() => create(wrong))).toMatchObject({
          threw: "NativeError",
          code: "invalid-argument",
        });
        expect(outcome(() => create({}))).toMatchObject({ threw: "NativeError", code: "invalid-argument" });
      },
    );

    it("refuses methods torn from their handle, and constructors called as functions", () => {
      const job = native.createJob(parts);
      const cipher = native.createCipher(key);
      for (const receiver of [undefined, null, {}, cipher, Object.create(job), new Proxy(job, {})]) {
        expect(() => job.merkleRoot.call(receiver as never, bytes(20))).toThrow(Error);
      }
      for (const receiver of [undefined, null, {}, job, Object.create(cipher), new Proxy(cipher, {})]) {
        expect(() => cipher.sealFrame.call(receiver as never, bytes(30), bytes(100), 0)).toThrow(Error);
      }
      expect(() => (cipher.constructor as unknown as Call)(key)).toThrow(Error);
      expect(() => (cipher.constructor as unknown as Call).call(job, key)).toThrow(Error);
      expect(() => (job.constructor as unknown as Call)()).toThrow(Error);
      expect(job.merkleRoot(bytes(20))).toHaveLength(32);
    });
  });
}
