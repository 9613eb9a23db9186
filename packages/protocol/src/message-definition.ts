import type { FieldType } from "./field-types.ts";
import { MAX_PAYLOAD_LENGTH } from "./frame-header.ts";

/** The chapter of the spec, or the extension, that defines a message. */
export type ProtocolName = "common" | "mining" | "template-distribution" | "extensions-negotiation";

/** A message's fields in wire order, by camel-cased name. */
export type FieldTable = Readonly<Record<string, FieldType>>;

/** One field of a message, as a row. */
export interface MessageField {
  /** Camel-cased, the property of the JavaScript object. */
  readonly name: string;
  /** Exactly as in the spec, its irregular capitals included: `coinbase_tx_input_nSequence`. */
  readonly specName: string;
  readonly type: FieldType;
  /** Bytes on the wire, or -1 when that depends on the value. */
  readonly fixedSize: number;
}

/** Everything there is to know about one message. The codec, the caps, the documents and the fuzzers read only this. */
export interface MessageDefinition<N extends string = string, F extends FieldTable = FieldTable> {
  /** The spec's name without dots: `SubmitSharesSuccess`. */
  readonly name: N;
  /** The spec's name: `SubmitShares.Success`. */
  readonly specName: string;
  /** Section of the spec: `5.3.13`. */
  readonly section: string;
  readonly protocol: ProtocolName;
  /** Who sends it. */
  readonly sender: "client" | "server" | "either";
  /** Without bit 15. */
  readonly extensionType: number;
  readonly msgType: number;
  /** Whether the sender sets bit 15 (SV2 chapter 08). */
  readonly channelMsg: boolean;
  readonly fields: F;
  /** The fields in wire order. */
  readonly layout: readonly MessageField[];
  /** Most payload bytes that are accepted from a peer, room for TLVs included. Checked before anything is buffered. */
  readonly maxLength: number;
}

type Simplify<T> = { [K in keyof T]: T[K] };

/** The plain object a definition describes. Byte values are Uint8Array, U64 is bigint, OPTION is null when empty. */
export type Fields<D extends { readonly fields: FieldTable }> = Simplify<{
  -readonly [K in keyof D["fields"]]: D["fields"][K] extends FieldType<infer T> ? T : never;
}>;

type WithoutDots<S extends string> = S extends `${infer A}.${infer B}` ? `${A}${WithoutDots<B>}` : S;

/** Room for TLV fields of extensions behind the last field, in bytes (SV2 3.4.3); 0x0002 uses at most 37. */
export const TLV_ROOM = 512;

/** What a chapter says about one message. */
export interface MessageSource<S extends string, F extends FieldTable> {
  readonly specName: S;
  readonly section: string;
  readonly msgType: number;
  readonly sender: "client" | "server" | "either";
  /** Default: not a channel message. */
  readonly channelMsg?: boolean;
  readonly fields: F;
  /** The spec's names of fields which are not plain snake_case of ours. */
  readonly specNames?: { readonly [K in keyof F]?: string };
  /** A cap below what the field types allow, TLV room included. */
  readonly maxLength?: number;
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Returns the function with which a chapter defines its messages. */
export function chapter(protocol: ProtocolName, extensionType = 0) {
  return <const S extends string, const F extends FieldTable>(
    source: MessageSource<S, F>,
  ): MessageDefinition<WithoutDots<S>, F> => {
    const layout = Object.entries(source.fields).map(([name, type]) => ({
      name,
      specName: source.specNames?.[name] ?? snakeCase(name),
      type,
      fixedSize: type.minSize === type.maxSize ? type.minSize : -1,
    }));
    const largest = layout.reduce((sum, field) => sum + field.type.maxSize, TLV_ROOM);
    return {
      name: source.specName.replaceAll(".", "") as WithoutDots<S>,
      specName: source.specName,
      section: source.section,
      protocol,
      sender: source.sender,
      extensionType,
      msgType: source.msgType,
      channelMsg: source.channelMsg ?? false,
      fields: source.fields,
      layout,
      maxLength: Math.min(largest, source.maxLength ?? MAX_PAYLOAD_LENGTH),
    };
  };
}
