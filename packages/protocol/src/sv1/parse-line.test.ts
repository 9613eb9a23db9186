import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeError, encodeResult } from "./encode-line.ts";
import { parseSv1Line, type Sv1ClientMessage } from "./parse-line.ts";
import { Sv1Error } from "./sv1-error.ts";

/** Bytes as hex and maps as objects, so that a message can be compared with JSON. */
function plain(message: Sv1ClientMessage): unknown {
  return JSON.parse(
    JSON.stringify(message, (_key, value: unknown) => {
      if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
      if (value instanceof Map) return Object.fromEntries(value);
      return typeof value === "bigint" ? value.toString(16) : value;
    }),
  );
}

function failure(line: string): Sv1Error {
  try {
    parseSv1Line(line);
  } catch (error) {
    if (error instanceof Sv1Error) return error;
    throw error;
  }
  throw new Error(`no error for ${line}`);
}

const idOf = (line: string) => parseSv1Line(line).id;

describe("a line of a miner", () => {
  const { lines } = JSON.parse(
    readFileSync(new URL("../../../../test/vectors/sv1-lines.json", import.meta.url), "utf8"),
  ) as { lines: { from: string; line: string; message: unknown }[] };

  it.each(lines)("is read as its sender means it: $from", ({ line, message }) => {
    expect(plain(parseSv1Line(line))).toEqual(message);
  });

  it.each([
    ['{"id":1,"method":"mining.ping"}', "1"],
    ['{"id":"a\\"b","method":"mining.ping"}', '"a\\"b"'],
    ['{"id":null,"method":"mining.ping"}', "null"],
    ['{"method":"mining.ping"}', "null"],
    ['{"id":-1,"method":"mining.ping"}', "-1"],
    ['{"id":1.5,"method":"mining.ping"}', "1.5"],
    ['{"id": 12345678901234567890,"method":"mining.ping"}', "12345678901234567890"],
  ])("gives its id back as it came: %s", (line, id) => expect(idOf(line)).toBe(id));

  it("takes missing, null and senseless params as none", () => {
    for (const params of ["", ',"params":null', ',"params":{}', ',"params":7']) {
      const message = parseSv1Line(`{"id":1,"method":"mining.subscribe"${params}}`);
      expect(plain(message)).toMatchObject({ params: { userAgent: "", sessionId: "" } });
    }
  });

  it.each(['"mining.suggest_difficulty(512)","params":[]', '"mining.suggest_difficulty","params":["512"]'])(
    "takes a difficulty wherever it is: %s",
    (rest) => {
      expect(plain(parseSv1Line(`{"id":1,"method":${rest}}`))).toMatchObject({ params: { difficulty: 512 } });
    },
  );

  it.each(["[0]", "[-1]", "[]", "[null]", '["x"]'])("takes %s for no wish at all", (params) => {
    const line = `{"id":1,"method":"mining.suggest_difficulty","params":${params}}`;
    expect(plain(parseSv1Line(line))).toMatchObject({ params: { difficulty: null } });
  });

  it("takes a nonce with more or fewer than eight digits, and names a parameter that is none", () => {
    const submit = (nonce: string) =>
      `{"id":7,"method":"mining.submit","params":["w","j","","0","${nonce}"]}`;
    expect(plain(parseSv1Line(submit("0A1b2c3dffff")))).toMatchObject({ params: { nonce: 0x0a1b2c3d } });
    // NerdMiner_v2 src/stratum.cpp:222: String(nonce, HEX)
    expect(plain(parseSv1Line(submit("a1b")))).toMatchObject({ params: { nonce: 0xa1b } });
    const error = failure(submit("0x1"));
    expect(error.type).toEqual({ code: "invalid-param", id: "7", method: "mining.submit", param: "nonce" });
    expect(error.message).toBe("mining.submit: parameter 5 must be 1 to 8 hex digits");
  });

  it("is an answer when it has a result and no method, and unknown when nobody knows the method", () => {
    expect(parseSv1Line('{"id":4,"result":"x"}')).toEqual({ name: "response", id: "4" });
    expect(parseSv1Line('{"id":4,"method":"mining.get_transactions"}')).toEqual({
      name: "unknown",
      id: "4",
      method: "mining.get_transactions",
    });
  });

  it.each([
    ["{", "not-json"],
    ["[]", "not-an-object"],
    ["null", "not-an-object"],
    ['{"id":1}', "no-method"],
    ['{"id":{},"method":"mining.ping"}', "invalid-id"],
    ['{"id":1,"method":"mining.suggest_target","params":[0]}', "invalid-param"],
    [`{"id":1,"method":"mining.authorize","params":["${"a".repeat(256)}"]}`, "invalid-param"],
  ])("%s is %s", (line, code) => expect(failure(line).code).toBe(code));

  it("fails only in its own way, whatever it is", () => {
    const anyLine = fc.oneof(
      fc.string(),
      fc.json(),
      fc
        .record(
          { id: fc.jsonValue(), method: fc.oneof(fc.string(), methods), params: fc.jsonValue() },
          { requiredKeys: [] },
        )
        .map((message) => JSON.stringify(message)),
      fc
        .tuple(methods, fc.array(fc.jsonValue(), { maxLength: 7 }))
        .map(([method, params]) => JSON.stringify({ id: 1, method, params })),
    );
    fc.assert(
      fc.property(anyLine, (line) => {
        let id: string;
        try {
          id = parseSv1Line(line).id;
        } catch (error) {
          if (!(error instanceof Sv1Error)) throw error;
          id = error.id;
        }
        // Whatever the id was, the answers that echo it are JSON.
        expect(JSON.parse(encodeResult(id, true))).toHaveProperty("id");
        expect(JSON.parse(encodeError(id, 20, 'a "text"'))).toHaveProperty("error", [20, 'a "text"', null]);
      }),
      { numRuns: 2_000 },
    );
  });
});

const methods = fc.constantFrom(
  "mining.configure",
  "mining.subscribe",
  "mining.authorize",
  "mining.submit",
  "mining.suggest_difficulty",
  "mining.suggest_target",
  "mining.suggest_difficulty(1)",
  "__proto__",
);
