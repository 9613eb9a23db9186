import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { configureResult, readConfigure } from "./configure.ts";
import { encodeNotification, subscribeResult } from "./encode-line.ts";
import { recogniseFirstBytes } from "./first-bytes.ts";
import { LineSplitter, LineTooLong } from "./line-splitter.ts";
import { parseSv1Line } from "./parse-line.ts";
import { readPassword } from "./password.ts";
import { serverMethods } from "./server-methods.ts";
import { sv1Markdown } from "./sv1-markdown.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

describe("the line splitter", () => {
  it("gives the same lines however the bytes come", () => {
    const line = fc.string({ unit: "grapheme", maxLength: 20 }).map((text) => text.replace(/[\r\n]/g, ""));
    fc.assert(
      fc.property(fc.array(line), fc.array(fc.nat(7)), fc.constantFrom("\n", "\r\n"), (lines, cuts, end) => {
        const whole = bytes(lines.map((text) => text + end).join(""));
        const splitter = new LineSplitter(1_000);
        const found: string[] = [];
        let from = 0;
        for (const cut of [...cuts, whole.length]) {
          found.push(...splitter.push(whole.subarray(from, from + cut)));
          from += cut;
        }
        expect(found).toEqual(lines.map((text) => text.trim()).filter((text) => text !== ""));
        expect(splitter.waiting).toBe(0);
      }),
    );
  });

  it("keeps no line above its bound, ended or not", () => {
    expect(() => new LineSplitter(4).push(bytes("12345"))).toThrow(LineTooLong);
    expect(() => new LineSplitter(4).push(bytes("12345\n"))).toThrow(LineTooLong);
    const splitter = new LineSplitter(4);
    expect(splitter.push(bytes("1234\n12"))).toEqual(["1234"]);
    expect(() => splitter.push(bytes("345"))).toThrow(LineTooLong);
  });
});

describe("the first bytes", () => {
  it.each([
    ['{"id":1', "sv1"],
    ["\r\n {", "sv1"],
    ["GET / HTTP/1.1\r\n", "http"],
    ["PRI * HTTP/2.0", "http"],
    ["HE", "undecided"],
    ["\x16\x03\x01\x02", "tls"],
    ["\x16", "undecided"],
    ["\x16\x05\x01", "other"],
    ["GIT clone", "other"],
    ["hello", "other"],
    ["", "undecided"],
    [" ".repeat(16), "other"],
  ])("%j is %s", (text, expected) => expect(recogniseFirstBytes(Buffer.from(text, "latin1"))).toBe(expected));

  it("take no handshake of Stratum V2 for one of the others, unless it begins with a brace", () => {
    // Act 1 is uniformly random, so each byte that decided alone would be wrong once in 256 times.
    const act1 = (first: number) => Uint8Array.of(first, 0x80, 0x80, ...new Uint8Array(61));
    const taken = Array.from({ length: 256 }, (_, first) => recogniseFirstBytes(act1(first)));
    expect(taken.filter((kind) => kind !== "other")).toEqual(["sv1"]);
    expect(taken[0x7b]).toBe("sv1");
  });

  it("are decided within sixteen bytes, and never change their mind", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 32 }), (all) => {
        const verdicts = Array.from(all, (_, index) => recogniseFirstBytes(all.subarray(0, index + 1)));
        const decided = verdicts.filter((verdict) => verdict !== "undecided");
        expect(new Set(decided).size).toBe(1);
        expect(verdicts.length - decided.length).toBeLessThan(16);
      }),
    );
  });
});

describe("mining.configure", () => {
  const configure = (params: unknown) => {
    const message = parseSv1Line(JSON.stringify({ id: 1, method: "mining.configure", params }));
    if (message.name !== "configure") throw new Error(message.name);
    return message.params;
  };

  it.each([
    [
      [["version-rolling"], { "version-rolling.mask": "1fffe000", "version-rolling.min-bit-count": 2 }],
      0x1fffe000,
    ],
    [
      [["version-rolling"], { "version-rolling.mask": "FFFFFFFF", "version-rolling.min-bit-count": "10" }],
      0xffffffff,
    ],
    [[["version-rolling"], { "version-rolling.mask": 536862720 }], 0x1fffe000],
    [[["version-rolling"]], 0xffffffff],
    [[[], { "version-rolling.mask": "1fffe000" }], undefined],
    [null, undefined],
  ])("asks for version rolling by its list: %j", (params, mask) => {
    expect(readConfigure(configure(params)).versionMask).toBe(mask);
  });

  it("takes a difficulty as number or text, whole or not", () => {
    for (const value of [1024, 1024.0, "1024"]) {
      const params = configure([["minimum-difficulty"], { "minimum-difficulty.value": value }]);
      expect(readConfigure(params).minimumDifficulty).toBe(1024);
    }
  });

  it("answers everything that was asked for and nothing else (BIP310)", () => {
    const params = configure([["version-rolling", "minimum-difficulty", "info", "__proto__"], {}]);
    expect(JSON.stringify(configureResult(params, 0x1fffe000, false))).toBe(
      '{"version-rolling":true,"version-rolling.mask":"1fffe000","minimum-difficulty":false,"info":false,"__proto__":false}',
    );
    expect(configureResult(params, 0, true)).toMatchObject({
      "version-rolling": false,
      "minimum-difficulty": true,
    });
  });
});

describe("a password", () => {
  it.each([
    ["x", undefined],
    ["", undefined],
    ["d=1024", 1024],
    ["x,d=0.001;th=5", 0.001],
    ["worker DIFF=8", 8],
    ["d=-1", undefined],
    ["d=abc,d=2", 2],
    ["d=1e400", undefined],
    ["id=7", undefined],
  ])("%j wants difficulty %s", (password, difficulty) =>
    expect(readPassword(password)).toEqual({ difficulty }),
  );
});

describe("lines of a server", () => {
  it("carry a block's header as Stratum V1 writes it (mainnet block 125552)", () => {
    // Header: https://en.bitcoin.it/wiki/Block_hashing_algorithm
    const prevHash = Buffer.from("81cd02ab7e569e8bcd9317e2fe99f2de44d49ab2b8851ba4a308000000000000", "hex");
    const line = encodeNotification(serverMethods.notify, {
      jobId: "1",
      prevHash,
      coinbase1: Uint8Array.of(1, 0xab),
      coinbase2: new Uint8Array(0),
      merklePath: [new Uint8Array(32).fill(0x22)],
      version: 1,
      nbits: 0x1a44b9f2,
      ntime: 0x4dd7f5c7,
      cleanJobs: true,
    });
    expect(line.endsWith("}\n")).toBe(true);
    expect(JSON.parse(line)).toEqual({
      id: null,
      method: "mining.notify",
      params: [
        "1",
        "ab02cd818b9e567ee21793cddef299feb29ad444a41b85b80000" + "08a300000000",
        "01ab",
        "",
        ["22".repeat(32)],
        "00000001",
        "1a44b9f2",
        "4dd7f5c7",
        true,
      ],
    });
    expect(prevHash.toString("hex")).toMatch(/^81cd02ab/);
  });

  it("subscribe with the classic pair, which some firmware looks for", () => {
    expect(JSON.stringify(subscribeResult("1f", Uint8Array.of(0, 0, 0, 9), 8))).toBe(
      '[[["mining.notify","1f"]],"00000009",8]',
    );
  });
});

describe("docs/sv1-messages.md", () => {
  it("is what the tables say", async () => {
    await expect(sv1Markdown()).toMatchFileSnapshot("../../../../docs/sv1-messages.md");
  });
});
