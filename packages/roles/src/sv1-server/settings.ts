/** A budget: `burst` at once, and `perSecond` more each second, up to `burst` again. */
export interface Sv1Allowance {
  readonly burst: number;
  readonly perSecond: number;
}

/** What an operator can turn on the side of Stratum V1 miners. Times in milliseconds. */
export interface Sv1ServerSettings {
  /** Bytes that a miner rolls; 8 suits rented hash rate and all firmware. */
  readonly extranonce2Size: number;
  /** Version bits that may be rolled. */
  readonly versionMask: number;
  /** Time from the connection to an authorization. */
  readonly authorizeMs: number;
  /** A miner that was told nothing for so long gets its job again with a new time: some leave after a minute of silence. */
  readonly keepAliveMs: number;
  /** Jobs that are remembered for each miner. */
  readonly jobs: number;
  /** Lines that cannot be read; above, the connection is closed. */
  readonly unreadable: Sv1Allowance;
  /** Refused shares, stale ones left out; above, the connection is closed. Each accepted share gives one back. */
  readonly refusedShares: Sv1Allowance;
  /** Names that were refused; above, the connection is closed. */
  readonly refusedNames: Sv1Allowance;
}

/** The defaults. */
export const sv1ServerDefaults: Sv1ServerSettings = {
  extranonce2Size: 8,
  versionMask: 0x1fff_e000,
  authorizeMs: 60_000,
  keepAliveMs: 50_000,
  jobs: 32,
  unreadable: { burst: 20, perSecond: 1 / 60 },
  refusedShares: { burst: 200, perSecond: 1 / 5 },
  refusedNames: { burst: 5, perSecond: 1 / 30 },
};

/** Why the role ends a connection by itself. */
export const sv1CloseReasons = {
  "not-authorized": "nobody was authorized within the time for it",
  "too-many-unreadable": "the budget for lines that cannot be read is used up",
  "too-many-refused-shares": "the budget for refused shares is used up",
  "too-many-refused-names": "names were refused again and again",
  "no-answer": "the pool did not answer a share in time; a false answer would be worse",
  "no-pool": "no pool has been reachable for too long; the miner should use its backup",
  "channel-closed": "the pool closed the miner's channel",
  draining: "the proxy is about to stop",
} as const;

/** A key of {@link sv1CloseReasons}. */
export type Sv1CloseReason = keyof typeof sv1CloseReasons;
