/** `SetupConnection.protocol` (SV2 3.6.1). */
export const Protocol = { mining: 0, jobDeclaration: 1, templateDistribution: 2 } as const;

/** The protocol version, the only one there is (SV2 3.6.1). */
export const PROTOCOL_VERSION = 2;

/** Bits of `SetupConnection.flags` and `SetupConnection.Error.flags` of the mining protocol (SV2 5.3.1). */
export const MiningFlags = {
  requiresStandardJobs: 1,
  requiresWorkSelection: 2,
  requiresVersionRolling: 4,
} as const;

/** Bits of `SetupConnection.Success.flags` of the mining protocol (SV2 5.3.1). */
export const MiningSuccessFlags = { requiresFixedVersion: 1, requiresExtendedChannels: 2 } as const;
