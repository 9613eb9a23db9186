/**
 * Why a role ends a connection by itself: the `reason` of `FrameConnection.close`, of logs and of metric labels. Reasons of
 * the transport (handshake, caps, backpressure, peer gone) come from there and are not listed.
 */
export const closeReasons = {
  "setup-timeout": "no SetupConnection within its deadline",
  "setup-missing": "the first message was not SetupConnection (SV2 3.6.1)",
  "setup-repeated": "a second SetupConnection",
  "setup-refused": "SetupConnection.Error was sent or received",
  "protocol-error": "a message of a known type that cannot be decoded",
  "required-extensions-missing":
    "the client goes on without an extension that the server requires (0x0001, 4.1)",
  "no-channel": "no channel was opened within the deadline (SV2 5.3.2)",
  "too-many-invalid-shares": "the budget for refused shares is used up",
  "too-many-invalid-messages": "the budget for refused or senseless messages is used up",
  "too-many-openings": "channels were asked for, again and again, beyond what a connection may have",
  draining: "the server is about to stop",
  "internal-error": "an exception of ours; the connection's state cannot be trusted any more",
} as const;

/** A key of {@link closeReasons}. */
export type CloseReason = keyof typeof closeReasons;
