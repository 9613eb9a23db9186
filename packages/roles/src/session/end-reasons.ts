import { type EndFacts, transportEnds } from "@lode/transport";

/** Why any role ends a connection. */
export const sessionEnds = {
  "setup-timeout": {
    by: "us",
    strike: false,
    says: "no SetupConnection, or no answer to it, within its deadline",
  },
  "setup-missing": { by: "us", strike: true, says: "the first message was not SetupConnection (SV2 3.6.1)" },
  "setup-repeated": { by: "us", strike: true, says: "a second SetupConnection" },
  "setup-refused": { by: "us", strike: false, says: "SetupConnection.Error was sent or received" },
  "protocol-error": { by: "us", strike: true, says: "a message of a known type that cannot be decoded" },
  "required-extensions-missing": {
    by: "us",
    strike: false,
    says: "the client goes on without an extension that the server requires (0x0001, 4.1)",
  },
  "too-many-invalid-messages": {
    by: "us",
    strike: true,
    says: "more refused or senseless messages than a connection may send",
  },
  draining: { by: "us", strike: false, says: "the server is about to stop: connect again" },
  "shutting-down": { by: "us", strike: false, says: "the server stops now: connect again" },
  "internal-error": {
    by: "us",
    strike: false,
    says: "a fault of the server; the connection's state cannot be trusted any more",
  },
} as const satisfies Readonly<Record<string, EndFacts>>;

/** Why a mining server ends a connection besides {@link sessionEnds}. */
export const miningEnds = {
  "no-channel": { by: "us", strike: false, says: "no channel was opened within the deadline (SV2 5.3.2)" },
  "too-many-invalid-shares": {
    by: "us",
    strike: true,
    says: "more refused shares than a connection may send",
  },
  "too-many-openings": {
    by: "us",
    strike: true,
    says: "channels were asked for, again and again, beyond what a connection may have",
  },
  "no-template": {
    by: "us",
    strike: false,
    says: "no template for so long that miners had better use their backups",
  },
  "shares-not-recorded": {
    by: "us",
    strike: false,
    says: "shares could not be recorded for so long that miners had better use their backups",
  },
} as const satisfies Readonly<Record<string, EndFacts>>;

/** Why either side of the Template Distribution Protocol ends a connection besides {@link sessionEnds}. */
export const templateEnds = {
  "template-timeout": { by: "us", strike: false, says: "the server sent no template within its deadline" },
  "template-without-height": {
    by: "us",
    strike: false,
    says: "the server sent a template whose coinbase does not begin with a height (BIP34)",
  },
  "template-height-mismatch": {
    by: "us",
    strike: false,
    says: "the server sent a template of another height than its tip's",
  },
  "wrong-network": { by: "us", strike: false, says: "the server builds on another network than the pool" },
  "constraints-timeout": {
    by: "us",
    strike: false,
    says: "the client sent no CoinbaseOutputConstraints within its deadline (SV2 7.1)",
  },
  "constraints-too-large": {
    by: "us",
    strike: false,
    says: "the client asked for more room than a block has",
  },
  "too-many-clients": { by: "us", strike: false, says: "the server has as many clients as it takes" },
  "node-unavailable": { by: "us", strike: false, says: "the server's node does not answer" },
} as const satisfies Readonly<Record<string, EndFacts>>;

/** Every way a connection to a mining server can end, by reason: labels of metrics, strikes and documents come from here. */
export const miningServerEnds = { ...transportEnds, ...sessionEnds, ...miningEnds };

/** Why a mining server may end a connection by itself. */
export type MiningEndReason = keyof typeof sessionEnds | keyof typeof miningEnds;
/** Why any role may end a connection by itself. */
export type EndReason = MiningEndReason | keyof typeof templateEnds;
