/** Generated messages for property tests and fuzzers, derived from the field tables. Needs fast-check. */
import fc from "fast-check";
import { allMessages } from "./all-messages.ts";
import type { FieldType } from "./field-types.ts";
import type { Fields, MessageDefinition } from "./message-definition.ts";
import { encodeFrame } from "./payload.ts";
import { encodeTlvs, type Tlv } from "./tlv.ts";

/** Keeps cases small: most faults need no long arrays, and the long ones have tests of their own. */
const MAX_BYTES = 300;
const MAX_ELEMENTS = 8;

/** Bytes as a plain Uint8Array. */
function bytes(minLength: number, maxLength: number): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength, maxLength });
}

/** Values of one data type, edges included. Texts are well-formed UTF-16, so that they survive a round trip. */
export function fieldArbitrary<T>(type: FieldType<T>): fc.Arbitrary<T> {
  return anyValue(type) as fc.Arbitrary<T>;
}

function anyValue(type: FieldType): fc.Arbitrary<unknown> {
  switch (type.kind) {
    case "bool":
      return fc.boolean();
    case "u8":
    case "u16":
    case "u32":
      return fc.integer({ min: 0, max: 2 ** (8 * type.maxSize) - 1 });
    case "u64":
      return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    case "f32":
      return fc.float();
    case "u256":
      return bytes(32, 32);
    case "bytes":
      return bytes(0, Math.min(type.maxLength, MAX_BYTES));
    case "string":
      return fc.oneof(
        fc.string({ unit: "binary-ascii", maxLength: type.maxLength }),
        fc.string({ unit: "binary", maxLength: Math.floor(type.maxLength / 4) }),
      );
    case "option":
      return fc.option(anyValue(type.element!), { nil: null });
    case "sequence":
      return fc.array(anyValue(type.element!), { maxLength: Math.min(type.maxLength, MAX_ELEMENTS) });
  }
}

/** Field values of one message. */
export function fieldsArbitrary<D extends MessageDefinition>(definition: D): fc.Arbitrary<Fields<D>> {
  const entries = definition.layout.map(({ name, type }) => [name, anyValue(type)]);
  return fc.record(Object.fromEntries(entries)) as fc.Arbitrary<Fields<D>>;
}

/** Zero to three TLVs, ordered by extension type as on the wire. */
export const tlvsArbitrary: fc.Arbitrary<readonly Tlv[]> = fc
  .array(
    fc.record({
      extensionType: fc.oneof(fc.constantFrom(1, 2), fc.integer({ min: 0, max: 0x7fff })),
      fieldType: fc.integer({ min: 0, max: 0xff }),
      value: bytes(0, 40),
    }),
    { maxLength: 3 },
  )
  .map((tlvs) => tlvs.toSorted((a, b) => a.extensionType - b.extensionType));

/** Any message of any chapter. */
export const messageArbitrary: fc.Arbitrary<{
  definition: MessageDefinition;
  fields: Fields<MessageDefinition>;
}> = fc
  .constantFrom(...allMessages)
  .chain((definition) => fieldsArbitrary(definition).map((fields) => ({ definition, fields })));

/** A valid plaintext frame of any message, sometimes with TLVs. */
export const frameArbitrary: fc.Arbitrary<Uint8Array> = fc
  .tuple(messageArbitrary, tlvsArbitrary)
  .map(([{ definition, fields }, tlvs]) => encodeFrame(definition, fields, encodeTlvs(tlvs)));
