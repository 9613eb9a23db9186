import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FOREIGN_ANSWER_MAX, foreignAnswer, foreignPeer } from "./foreign-peer.ts";

const of = (text: string) => foreignPeer(Buffer.from(text)).type;

describe("a client that speaks something else", () => {
  it.each([
    ['{"id": 7, "method": "mining.subscribe", "params": []}', { code: "sv1-peer", id: "7" }],
    ['{"method":"mining.subscribe","id":"a-1","params"', { code: "sv1-peer", id: '"a-1"' }],
    ['\n{"method": "mining.configure", "params": [["version-rolling"]', { code: "sv1-peer", id: "null" }],
    ['{"id": 12345678901, "method"', { code: "sv1-peer", id: "null" }],
    ["GET / HTTP/1.1\r\nHost: pool", { code: "http-peer" }],
    ["HEAD /status HTTP/1.0\r\n", { code: "http-peer" }],
    ["SSH-2.0-OpenSSH_9.2p1", { code: "plaintext-peer" }],
  ])("is told apart by its first bytes: %s", (text, type) => {
    expect(of(text)).toEqual(type);
  });

  it("gets an answer of its own protocol, with the request's id", () => {
    const answer = foreignAnswer(of('{"id": 7, "method": "mining.subscribe"}'));
    expect(JSON.parse(answer!)).toMatchObject({
      id: 7,
      result: null,
      error: [20, expect.stringMatching(/Stratum V2/), null],
    });
    expect(foreignAnswer(of("GET / HTTP/1.1\r\n"))).toMatch(
      /^HTTP\/1\.1 400 Bad Request\r\n[\s\S]*Stratum V2/,
    );
    expect(foreignAnswer(of("SSH-2.0-OpenSSH_9.2p1"))).toBeUndefined();
  });

  it("never gets more than a few bytes, whatever it sends", () => {
    fc.assert(
      fc.property(fc.constantFrom("{", "GET ", '{"id":"'), fc.string({ maxLength: 64 }), (start, rest) => {
        const answer = foreignAnswer(of(start + rest)) ?? "";
        expect(Buffer.byteLength(answer)).toBeLessThanOrEqual(FOREIGN_ANSWER_MAX);
        if (answer.startsWith("{")) expect(answer.split("\n")).toHaveLength(2);
      }),
    );
  });
});
