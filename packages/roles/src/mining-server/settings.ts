import { type ChannelSettings, defaultChannelSettings } from "@lode/mining";
import { type ExtensionPolicy, noExtensions } from "../setup/extension-negotiation.ts";

/** A budget: `burst` at once, and `perSecond` more each second, up to `burst` again. */
export interface Allowance {
  readonly burst: number;
  readonly perSecond: number;
}

/** What an operator can turn on a mining server. Times in milliseconds unless the name says otherwise. */
export interface MiningServerSettings {
  /** Channels of one connection. */
  readonly maxChannelsPerConnection: number;
  /** Channels of all connections of one subnet. */
  readonly maxChannelsPerSubnet: number;
  /** Scripts that the jobs of one connection pay, beside the pool's own. */
  readonly maxScriptsPerConnection: number;
  /** The same for all connections of one subnet. */
  readonly maxScriptsPerSubnet: number;
  /** Payout scripts of a subnet that were never seen before, in an hour. */
  readonly newAccountsPerSubnetPerHour: number;
  /** The same for all subnets together. */
  readonly newAccountsPerHour: number;
  /** Channels in all, those asked for included; each takes about 9 kB. */
  readonly maxChannels: number;
  /** Time for SetupConnection. */
  readonly setupTimeoutMs: number;
  /** Time for the first channel (SV2 5.3.2); long, since proxies open one when their first miner comes. */
  readonly firstChannelTimeoutMs: number;
  /** Targets, and how much a channel remembers. */
  readonly channel: ChannelSettings;
  /** Channels are looked at (target, fresh job) once in this time, each in its own part of it; 10 s at most. */
  readonly roundMs: number;
  /** An extended channel never goes longer without a new job: some firmware leaves after 180 s of silence. */
  readonly extendedRefreshMs: number;
  /** A standard channel never goes longer without a new job. */
  readonly standardRefreshMs: number;
  /** A standard channel whose search space is used up sooner gets jobs sooner, but not more often than this. */
  readonly fastestRefreshMs: number;
  /** Least time between two targets of a channel. */
  readonly retargetIntervalMs: number;
  /**
   * Bytes a connection may have queued while a job goes out to its channels; above, the rest waits. Well below the
   * transport's `writeQueueBytes`, which cuts the connection.
   */
  readonly fanOutQueueBytes: number;
  /** Draining: how long a connection's last shares may take to be answered. */
  readonly drainAnswerMs: number;
  /** Vendors that get Reconnect before they are drained; others panic on it or ignore it. Compared in full. */
  readonly reconnectVendors: readonly string[];
  readonly extensions: ExtensionPolicy;
  /** Refused shares a connection may send; above, it is closed. Each accepted share gives one back. */
  readonly invalidShares: Allowance;
  /** Added to the burst of {@link invalidShares} for every open channel: a new tip makes shares of all of them stale. */
  readonly invalidSharesPerChannel: number;
  /** Messages that are refused or make no sense here; above, the connection is closed. */
  readonly invalidMessages: Allowance;
  /** Messages of types that are unknown here, which are discarded (SV2 3.4.1); above, the connection is closed. */
  readonly unknownMessages: Allowance;
  /** UpdateChannel, besides one a second for each open channel (SV2 5.3.7); above, the connection is closed. */
  readonly updates: Allowance;
  /** Channels a connection may open at once and then per second; requests beyond it wait. Proxies open thousands. */
  readonly openings: Allowance;
}

/** The defaults. */
export const miningServerDefaults: MiningServerSettings = {
  maxChannelsPerConnection: 10_000,
  maxChannelsPerSubnet: 25_000,
  maxScriptsPerConnection: 1_000,
  maxScriptsPerSubnet: 25_000,
  newAccountsPerSubnetPerHour: 600,
  newAccountsPerHour: 50_000,
  maxChannels: 150_000,
  setupTimeoutMs: 10_000,
  firstChannelTimeoutMs: 600_000,
  channel: defaultChannelSettings,
  roundMs: 5_000,
  extendedRefreshMs: 60_000,
  standardRefreshMs: 45_000,
  fastestRefreshMs: 1_000,
  retargetIntervalMs: 1_000,
  fanOutQueueBytes: 1024 * 1024,
  drainAnswerMs: 5_000,
  reconnectVendors: ["lode-proxy"],
  extensions: noExtensions,
  invalidShares: { burst: 500, perSecond: 1 },
  invalidSharesPerChannel: 20,
  invalidMessages: { burst: 1_000, perSecond: 2 },
  unknownMessages: { burst: 10_000, perSecond: 20 },
  updates: { burst: 20_000, perSecond: 20 },
  openings: { burst: 2_000, perSecond: 250 },
};

/** Group channel of a connection's first payee (SV2 5.2.3), told in OpenSuccess. The first real channel is the next id. */
export const GROUP_CHANNEL_ID = 1;
