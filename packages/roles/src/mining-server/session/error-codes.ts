/**
 * Error codes of the mining server, a table per message: what makes it say so. None of them closes the connection. The
 * strings are the reference implementation's where it has one, since clients branch on some of them; clients must treat
 * unknown ones as text (SV2 3.5).
 */

/** `error_code` of OpenMiningChannel.Error (SV2 5.3.6). Codes of `admission()` come on top. */
export const openErrorCodes = {
  "extended-channels-not-supported-for-standard-jobs":
    "REQUIRES_STANDARD_JOBS was set in SetupConnection (SV2 5.3.1)",
  "standard-channels-not-supported-for-custom-work":
    "REQUIRES_WORK_SELECTION was set; SetupConnection.Success said REQUIRES_EXTENDED_CHANNELS (SV2 5.3.1)",
  "invalid-nominal-hashrate":
    "nominal_hash_rate is negative, infinite or not a number; 0 is valid (SV2 5.3.2)",
  "max-target-out-of-range": "max_target is harder than a target the server would ever set (SV2 5.3.2)",
  "min-extranonce-size-too-large": "more than 16 rollable bytes asked for (SV2 5.3.4)",
  "invalid-user-identity": "user_identity names no payable account (SV2 5.3.2)",
  "unknown-user": "user_identity is well formed but not known here",
  "too-many-accounts":
    "the subnet, or the pool, has had all the new accounts of this hour; known ones still open channels",
  "channel-capacity-exhausted": "a cap on channels or on scripts, or the extranonce space, is used up",
  "no-template": "there is no job to hand out yet",
} as const;

/** A key of {@link openErrorCodes}. */
export type OpenErrorCode = keyof typeof openErrorCodes;

/** `error_code` of UpdateChannel.Error (SV2 5.3.8). */
export const updateErrorCodes = {
  "invalid-channel-id": "no such channel on this connection",
  "invalid-nominal-hashrate": "nominal_hash_rate is negative, infinite or not a number",
  "max-target-out-of-range": "maximum_target is harder than a target the server would ever set",
} as const;

/** A key of {@link updateErrorCodes}. */
export type UpdateErrorCode = keyof typeof updateErrorCodes;

/** `error_code` of SetCustomMiningJob.Error (SV2 5.3.20). */
export const customJobErrorCodes = {
  "jd-not-supported": "this server has no job declaration",
} as const;

/**
 * `error_code` of SubmitShares.Error (SV2 5.3.14) that only the connection can tell; a channel's own are `shareErrors` of
 * `@lode/mining`.
 */
export const unknownChannel = "invalid-channel-id";
