import type { PeerOptions } from "./peer.ts";

/** What a `ReferenceTranslator` is; the names in backquotes are those of its own configuration. */
export interface ReferenceTranslatorOptions extends PeerOptions {
  /** `aggregate_channels`. */
  readonly aggregated: boolean;
  /** `enable_vardiff`; without it the pool's targets go straight to the miners. */
  readonly vardiff?: boolean;
  /** `shares_per_minute`. */
  readonly sharesPerMinute?: number;
  /** `min_individual_miner_hashrate`, of a real device. */
  readonly minHashrate?: number;
  /** `downstream_extranonce2_size`. */
  readonly extranonce2Size?: number;
  /** `required_extensions`: asked for right after the setup. */
  readonly requiredExtensions?: readonly number[];
  /** `supported_extensions`: asked for when the server requires them. */
  readonly supportedExtensions?: readonly number[];
}
