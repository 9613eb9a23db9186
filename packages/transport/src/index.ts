/** Noise NX handshake, server identity, key text forms and encrypted frame connections (SV2 chapter 4). */

export { defaultSubnetBits, type SubnetBits, subnetOfAddress } from "./address/address.ts";
export { AddressRanges } from "./address/address-ranges.ts";
export { splitHostPort } from "./address/host-port.ts";
export { isLoopback } from "./address/loopback.ts";
export { BanList, type BanListOptions, type BanSettings, defaultBanSettings } from "./bans/ban-list.ts";
export { type DialOptions, dial } from "./connection/dial.ts";
export { type DialledPeer, explainDialFailure } from "./connection/dial-failure.ts";
export { type EndFacts, type TransportReason, transportEnds } from "./connection/end-reasons.ts";
export type { FrameConnection, FrameHandler } from "./connection/frame-connection.ts";
export {
  type ConnectionLimits,
  type DialLimits,
  defaultConnectionLimits,
  defaultDialLimits,
  defaultListenLimits,
  defaultReadLimits,
  type ListenLimits,
  type MaxLength,
  type ReadLimits,
  UNKNOWN_MESSAGE_MAX_LENGTH,
} from "./connection/limits.ts";
export { TransportError, type TransportErrorType } from "./connection/transport-error.ts";
export type { Curve, CurveBackend } from "./curve/curve.ts";
export { decodeElligatorSwift, encodeElligatorSwift } from "./curve/elligator-swift.ts";
export { loadCurve } from "./curve/load-curve.ts";
export type { Handshaker } from "./handshaker/handshaker.ts";
export { createInlineHandshaker, type InlineHandshakerOptions } from "./handshaker/inline.ts";
export { createThreadedHandshaker, type ThreadedHandshakerOptions } from "./handshaker/threaded.ts";
export { CERTIFICATE_SIZE, signCertificate, verifyCertificate } from "./identity/certificate.ts";
export {
  MIN_VALIDITY_SECONDS,
  ServerIdentity,
  type ServerIdentityOptions,
} from "./identity/server-identity.ts";
export { type Endpoint, formatEndpointUrl, parseEndpointUrl } from "./keys/endpoint-url.ts";
export { KeyError, type KeyErrorType } from "./keys/key-error.ts";
export {
  decodeAuthorityPublicKey,
  decodeAuthoritySecretKey,
  encodeAuthorityPublicKey,
  encodeAuthoritySecretKey,
} from "./keys/key-text.ts";
export {
  type AuthorityKey,
  generateHandshakeKey,
  generateKeypair,
  generateStaticIdentity,
  type HandshakeKey,
  type Keypair,
  keypairFromSecret,
  type StaticIdentity,
} from "./keys/keypair.ts";
export {
  type LineConnection,
  type LineHandler,
  type LineLimits,
  type LineReason,
  lineEnds,
} from "./lines/line-connection.ts";
export { defaultLineLimits, type ListenLinesOptions, listenLines } from "./lines/listen-lines.ts";

export { listen } from "./listener/listen.ts";
export type { ConnectionWatch, Listener, ListenOptions } from "./listener/listen-options.ts";
export {
  ProxyHeaderError,
  type ProxyHeaderErrorType,
  type ProxySource,
  parseProxyHeader,
} from "./listener/proxy-protocol/proxy-header.ts";
export { type RefusalReason, refusalReasons } from "./listener/ticket.ts";
export { HandshakeError, type HandshakeErrorType } from "./noise/handshake-error.ts";
export { Initiator, type InitiatorResult } from "./noise/initiator.ts";
export { ACT1_SIZE, ACT2_SIZE, type ResponderResult, respond } from "./noise/responder.ts";
