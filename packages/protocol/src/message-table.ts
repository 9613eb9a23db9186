import type { FrameHeader } from "./frame-header.ts";
import type { Fields, MessageDefinition } from "./message-definition.ts";
import { decodePayload } from "./payload.ts";

/** A decoded message of one of the definitions `D`, told apart by `name`. */
export type Decoded<D extends MessageDefinition> = D extends MessageDefinition
  ? {
      readonly name: D["name"];
      readonly fields: Fields<D>;
      /** Bytes behind the last field, see {@link decodePayload}. */
      readonly tlvs: Uint8Array;
    }
  : never;

/** The messages one side of a connection understands. */
export interface MessageTable<D extends MessageDefinition> {
  /** `extensionType` without bit 15. */
  lookup(extensionType: number, msgType: number): D | undefined;
  /** Payload cap in bytes, undefined for messages that are not in the table. */
  maxLength(extensionType: number, msgType: number): number | undefined;
  /**
   * Undefined when the message is not in the table: it is to be discarded (SV2 3.4.1). `channel_msg` is not looked at.
   * Byte fields are views into `payload`. Throws DecodeError.
   */
  decode(header: Pick<FrameHeader, "extensionType" | "msgType">, payload: Uint8Array): Decoded<D> | undefined;
}

/** Builds the table of the given definitions. Throws when two of them have the same extension and message type. */
export function messageTable<T extends Readonly<Record<string, MessageDefinition>>>(
  definitions: T,
): MessageTable<T[keyof T]> {
  type D = T[keyof T];
  const byType = new Map<number, D>();
  for (const definition of Object.values(definitions) as D[]) {
    const key = (definition.extensionType << 8) | definition.msgType;
    const other = byType.get(key);
    if (other) throw new TypeError(`${other.specName} and ${definition.specName} have the same message type`);
    byType.set(key, definition);
  }
  const lookup = (extensionType: number, msgType: number) => byType.get((extensionType << 8) | msgType);
  return {
    lookup,
    maxLength: (extensionType, msgType) => lookup(extensionType, msgType)?.maxLength,
    decode(header, payload) {
      const definition = lookup(header.extensionType, header.msgType);
      if (definition === undefined) return undefined;
      const { fields, tlvs } = decodePayload(definition, payload);
      return { name: definition.name, fields, tlvs } as unknown as Decoded<D>;
    },
  };
}
