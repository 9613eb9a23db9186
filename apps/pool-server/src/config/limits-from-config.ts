import type { Clock, Logger, Metrics } from "@lode/ports";
import { type MiningServerSettings, miningServerDefaults, miningServerEnds } from "@lode/roles";
import {
  AddressRanges,
  BanList,
  type ListenLimits,
  type ListenOptions,
  type SubnetBits,
  subnetOfAddress,
} from "@lode/transport";
import type { LimitsConfig } from "./limits-section.ts";

/** A listener's part of the `[limits]` section: bounds, sources and bans. @throws TransportError `invalid-address-range` */
export function listenerLimits(
  config: LimitsConfig,
  ports: { readonly clock: Clock; readonly logger: Logger; readonly metrics: Metrics },
): Pick<ListenOptions, "limits" | "exemptFrom" | "proxyProtocolFrom" | "admit" | "watch"> {
  const limits: Partial<ListenLimits> = {
    connections: config.maxConnections,
    connectionsPerSubnet: config.maxConnectionsPerSubnet,
    handshakes: config.maxHandshakes,
    handshakesPerSubnet: config.maxHandshakesPerSubnet,
    arrivalsPerSubnet: { burst: config.newConnectionsBurst, perSecond: config.newConnectionsPerSec },
    handshakeMs: config.handshakeTimeoutSec * 1000,
    writeQueueBytes: config.writeQueueBytes,
    subnetBits: subnetBits(config),
    reading: {
      bytes: { burst: config.readBytesBurst, perSecond: config.readBytesPerSec },
      frames: { burst: config.readFramesBurst, perSecond: config.readFramesPerSec },
    },
  };
  const sources = { limits, exemptFrom: config.exemptFrom, proxyProtocolFrom: config.proxyProtocolFrom };
  if (!config.bans.enabled) return sources;
  const bans = new BanList({
    ...ports,
    reasons: strikes,
    exemptFrom: config.bans.exemptFrom,
    settings: {
      strikes: config.bans.strikes,
      windowMs: config.bans.windowSec * 1000,
      graceMs: config.bans.graceSec * 1000,
      firstMs: config.bans.firstBanSec * 1000,
      longestMs: config.bans.longestBanSec * 1000,
      forgiveMs: config.bans.forgiveSec * 1000,
      subnetBits: subnetBits(config),
    },
  });
  return { ...sources, admit: (address) => bans.admit(address), watch: bans };
}

/** Ends of a connection that count towards a ban. */
const strikes = Object.entries(miningServerEnds)
  .filter(([, { strike }]) => strike)
  .map(([reason]) => reason);

/** The mining server's part of the `[limits]` section. */
export function miningLimits(config: LimitsConfig): Partial<MiningServerSettings> {
  return {
    maxChannelsPerConnection: config.maxChannelsPerConnection,
    maxChannelsPerSubnet: config.maxChannelsPerSubnet,
    maxScriptsPerConnection: config.maxScriptsPerConnection,
    maxScriptsPerSubnet: config.maxScriptsPerSubnet,
    newAccountsPerSubnetPerHour: config.newAccountsPerSubnetPerHour,
    newAccountsPerHour: config.newAccountsPerHour,
    maxChannels: config.maxChannels,
    setupTimeoutMs: config.setupTimeoutSec * 1000,
    firstChannelTimeoutMs: config.firstChannelTimeoutSec * 1000,
    fanOutQueueBytes: Math.min(miningServerDefaults.fanOutQueueBytes, Math.floor(config.writeQueueBytes / 4)),
    invalidShares: { burst: config.invalidSharesBurst, perSecond: config.invalidSharesPerSec },
    invalidSharesPerChannel: config.invalidSharesPerChannel,
    invalidMessages: { burst: config.invalidMessagesBurst, perSecond: config.invalidMessagesPerSec },
    openings: { burst: config.openingsBurst, perSecond: config.openingsPerSec },
  };
}

/** The subnet that an address's channels are counted with; null for addresses without bounds per subnet. */
export function subnetOf(config: LimitsConfig): (remoteAddress: string) => string | null {
  const exempt = new AddressRanges(config.exemptFrom);
  const bits = subnetBits(config);
  return (address) => (exempt.contains(address) ? null : subnetOfAddress(address, bits));
}

function subnetBits(config: LimitsConfig): SubnetBits {
  return { ipv4: config.ipv4SubnetBits, ipv6: config.ipv6SubnetBits };
}
