/**
 * Stratum V2 as bytes: data types, frame headers and one field table per message, which drives the codec, the size caps,
 * the documentation and the test data. No I/O and no state.
 */
export { allMessages, everyMessage } from "./all-messages.ts";
export {
  type DescribedField,
  type DescribedTlv,
  describeFrame,
  type FrameDescription,
  type JsonValue,
} from "./describe-frame.ts";
export { DecodeError, type DecodeErrorType, EncodeError, type EncodeErrorType } from "./errors.ts";
export type { FieldKind, FieldType } from "./field-types.ts";
export { formatFrame } from "./format-frame.ts";
export {
  type FrameHeader,
  HEADER_SIZE,
  MAX_PAYLOAD_LENGTH,
  parseFrameHeader,
  writeFrameHeader,
} from "./frame-header.ts";
export type {
  Fields,
  FieldTable,
  MessageDefinition,
  MessageField,
  ProtocolName,
} from "./message-definition.ts";
export { type Decoded, type MessageTable, messageTable } from "./message-table.ts";
export * as common from "./messages/common.ts";
export * as extensionsNegotiation from "./messages/extensions-negotiation.ts";
export * as mining from "./messages/mining.ts";
export * as templateDistribution from "./messages/template-distribution.ts";
export { messagesMarkdown } from "./messages-markdown.ts";
export { type DecodedPayload, decodePayload, encodeFrame, encodePayload } from "./payload.ts";
export { MiningFlags, MiningSuccessFlags, PROTOCOL_VERSION, Protocol } from "./protocol.ts";
export { ALLOTTED_EXTENSIONS, decodeTlvs, encodeTlvs, type Tlv, type TlvOptions } from "./tlv.ts";
export { decodeUserIdentity, encodeUserIdentity, WorkerTracking } from "./user-identity.ts";
