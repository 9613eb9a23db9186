import type { ListedDemands } from "./spec-sentences.ts";

/**
 * Sentences that demand something of a server without a word such as MUST, by chapter and section: how each begins,
 * formatting left out. The extraction fails when one is not found, so that a new version of the specification cannot drop
 * one unnoticed.
 */
export const listedDemands: Readonly<Record<string, ListedDemands>> = {
  "03": {
    "3": ["The minimum requirement of the transport layer"],
    "3.1": [
      "Multibyte data types are always serialized as little-endian.",
      "Unsigned integer, 256-bit, little-endian.",
      "The string is not null-terminated.",
      "Allowed range of length is 0 to 32.",
      "Identical representation to SEQ0_255 but enforces",
    ],
    "3.2": [
      "Each message begins with the extension type",
      "Length of the protocol message, not including this header",
      "If the MSB in extension_type (the channel_msg bit) is set",
    ],
    "3.2.1": ["Note that the `channel_msg` bit is ignored in the extension lookup"],
    "3.4.3": [
      "The Type field consists of 3 bytes",
      "The Length field defines the exact size of the Value",
      "If the Length is `0x0000`, the Value field is omitted.",
    ],
    "3.5": ["These character restrictions apply equally"],
    "3.6.2": ["Selected version proposed by the connecting node"],
    "3.6.3": [
      "When protocol version negotiation fails",
      "If flags is 0, the error is a result of some condition",
    ],
    "3.6.5": [
      "When empty, downstream node attempts to reconnect",
      "The message intentionally does not contain a pool public key",
    ],
    "3.7": ["The `OP_RETURN` output with the witness commitment is provided"],
    "3.7.1": ["When concatenated with `extranonce_prefix`"],
    "3.7.4": ["The `witness reserved value` (coinbase witness)"],
  },
  "04": {
    "4.3.1.1": [
      "When signing or verifying a certificate",
      "When sharing keys during the handshake",
      "Digital signatures are serialized in 64-bytes",
      "fail if `d = 0`",
      "To perform X-only ECDH",
    ],
    "4.3.2": ["`SHA-256()` is used as a `HASH()`"],
    "4.3.3": ["ChaCha20 and Poly1305 in AEAD mode"],
    "4.4.1": ["Where `ENCRYPT` is an evaluation", "If an authentication failure occurs in `DECRYPT()`"],
    "4.4.2": ["Note that the ecdh result is not commutative"],
    "4.5.1": ["`protocolName` is official Noise Protocol name"],
    "4.5.1.2": ["receives ephemeral public key message", "calls `DecryptAndHash()` on remaining bytes"],
    "4.5.2": ["Length: 74 bytes", "Signature is invalid after this point in time (unix timestamp)"],
    "4.5.2.1": [
      "generates ephemeral keypair `e`, appends `e.public_key` to the buffer",
      "appends `EncryptAndHash(s.public_key)`",
      "appends `EncryptAndHash(SIGNATURE_NOISE_MESSAGE)`",
      "return pair of CipherState objects, the first for encrypting transport messages from initiator to responder, and the second for messages in the other direction:",
      "Message length: 170 bytes",
    ],
    "4.5.3": ["The PUBKEY fields are encoded using only their 32 byte x-coordinate"],
    "4.5.3.1": ["message `m`, where `m` is `HASH`"],
    "4.6": [
      "After handshake process is finished",
      "Maximum transport message length (ciphertext)",
      "Stratum Message header and stratum message payload are processed separately.",
      "Note: The `message_length` (payload_length)",
      "read exactly 22 bytes and decrypt into stratum frame or fail",
      "If decryption fails, the process stops",
      "deserialize plaintext payload into stratum message",
    ],
    "4.7": ["Authority Public key is base58-check encoded"],
  },
  "05": {
    "5.1.1": ["Standard Jobs are distributed via the"],
    "5.1.2.1": ["For conversion into Standard Jobs, the Coinbase Transaction"],
    "5.1.3": [
      "never send a `SetNewPrevHash` for a Future Job",
      "minimize the probability of Future Jobs",
      "after a `SetNewPrevHash` is propagated for a Future Job",
    ],
    "5.2": [
      "Upstream stratum nodes accept work submissions",
      "Each Channel is identified by its `channel_id`",
    ],
    "5.2.1": ["When an end Mining Device opens a Standard Channel"],
    "5.2.3": ["Every mining channel is a member of a group"],
    "5.3.1": [
      "The downstream node requires standard jobs",
      "Upstream node will not accept opening of a standard channel",
    ],
    "5.3.2": ["Additional restrictions can be imposed by the upstream node"],
    "5.3.3": [
      "Initial target for the mining channel",
      "Client-specified request ID from OpenStandardMiningChannel message",
      "Newly assigned identifier of the channel, stable for the whole lifetime of the connection",
    ],
    "5.3.4": ["Minimum size of extranonce needed by the device/node."],
    "5.3.5": [
      "Extranonce size (in bytes) set for the channel",
      "Newly assigned identifier of the channel, stable for the whole lifetime of the connection",
      "Client-specified request ID from OpenExtendedMiningChannel message",
    ],
    "5.3.6": ["Client-specified request ID from OpenMiningChannel message"],
    "5.3.8": [
      "Sent only when `UpdateChannel` message is invalid.",
      "When it is accepted by the server, no response is sent back.",
    ],
    "5.3.10": [
      "It is applicable for all jobs sent after this message on a given channel",
      "This message is applicable only for explicitly opened",
    ],
    "5.3.12": ["Only relevant for extended channels."],
    "5.3.13": [
      "Most recent sequence number with a correct result",
      "Count of new submits acknowledged within this batch",
      "Sum of difficulty of shares acknowledged within this batch",
      "It can simply use the last one received when sending a response.",
    ],
    "5.3.14": [
      "An error is immediately submitted for every incorrect submit attempt.",
      "Submission sequence number for which this error is returned",
    ],
    "5.3.15": [
      "This first message will have min_ntime unset (future job).",
      "The general purpose bits (as specified in BIP323) can be freely manipulated by the downstream node.",
      "Smallest nTime value available for hashing",
    ],
    "5.3.16": [
      "(Extended and group channels only)",
      "This acts as a broadcast message",
      "For an extended channel: `extranonce_prefix + extranonce (=N bytes)`",
    ],
    "5.3.17": [
      "Prevhash is distributed whenever a new block is detected",
      "When a client receives this message, only the job referenced by Job ID is valid.",
      "Smallest nTime value available for hashing",
    ],
    "5.3.18": ["Can be sent only on extended or group channel."],
    "5.3.21": [
      "All submits leading to hashes higher than the specified target",
      "Maximum target is valid until the next `SetTarget` message",
      "The message is not applicable for already received jobs",
    ],
    "5.3.22": [
      "Channel reinterpretation is not allowed.",
      "This message can be sent only to connections that don’t have",
    ],
  },
  "0x0001": {
    "2": [
      "List of unsupported extension identifiers.",
      "List of extension identifiers the server requires",
      "Unique identifier for pairing the response.",
    ],
  },
  "0x0002": {
    "1.1": ["Length of the value (max 32 bytes)"],
    "1.3": ["Since all extensions are negotiated before use"],
  },
};
