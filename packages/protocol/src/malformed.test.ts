import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fieldsArbitrary } from "./arbitraries.ts";
import {
  allMessages,
  DecodeError,
  decodePayload,
  EncodeError,
  encodePayload,
  type MessageDefinition,
} from "./index.ts";

/** A few valid payloads of every message, the same in every run. */
function samples(definition: MessageDefinition, count: number): Uint8Array[] {
  const fields = fc.sample(fieldsArbitrary(definition), { numRuns: count, seed: 20_260_801 });
  return fields.map((values) => encodePayload(definition, values));
}

/** Bytes the decoded values hold, wherever they are. */
function heldBytes(value: unknown, payload: Uint8Array): number {
  if (value instanceof Uint8Array) {
    if (value.length > 0 && value.buffer !== payload.buffer) throw new Error("decoding made a copy");
    return value.length;
  }
  if (Array.isArray(value)) return value.reduce((sum: number, item) => sum + heldBytes(item, payload), 0);
  return 0;
}

/** Decodes what may be malformed: a typed error, or values that stay the same when they are encoded again. */
function check(definition: MessageDefinition, payload: Uint8Array): "valid" | "refused" {
  let decoded: ReturnType<typeof decodePayload>;
  try {
    decoded = decodePayload(definition, payload);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    if (error.offset > payload.length) throw error;
    return "refused";
  }
  const held = Object.values(decoded.fields).reduce(
    (sum: number, value) => sum + heldBytes(value, payload),
    0,
  );
  if (held + decoded.tlvs.length > payload.length) throw new Error("decoding holds more than its input");
  try {
    const again = encodePayload(definition, decoded.fields, decoded.tlvs);
    if (!isDeepStrictEqual(decodePayload(definition, again), decoded)) throw new Error("another value");
  } catch (error) {
    // U+FFFD has three bytes: a string of bytes that are no UTF-8 can become too long to be sent on.
    if (!(error instanceof EncodeError && error.code === "too-long")) throw error;
    if (!definition.layout.some((field) => field.type.kind === "string")) throw error;
  }
  return "valid";
}

describe.each(allMessages)("malformed $protocol $name", (definition) => {
  it("is refused at every length below the whole message", () => {
    for (const payload of samples(definition, 3)) {
      for (let size = 0; size < payload.length; size++) {
        expect(check(definition, payload.slice(0, size))).toBe("refused");
      }
      expect(check(definition, payload)).toBe("valid");
    }
  });

  it("is decoded or refused with a DecodeError after the change of any one byte", () => {
    const outcomes = new Set<string>();
    for (const payload of samples(definition, 2)) {
      for (let at = 0; at < Math.min(payload.length, 400); at++) {
        const original = payload[at]!;
        for (const byte of [0, 0xff, original ^ 1, original ^ 0x80, (original + 1) & 0xff]) {
          payload[at] = byte;
          outcomes.add(check(definition, payload));
        }
        payload[at] = original;
      }
    }
    expect(outcomes).toContain("valid");
  });

  it("is decoded or refused with a DecodeError for any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(["valid", "refused"]).toContain(check(definition, bytes));
      }),
      { numRuns: 50 },
    );
  });
});
