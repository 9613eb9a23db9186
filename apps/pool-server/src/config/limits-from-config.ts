import type { Clock, Logger, Metrics } from "@lode/ports";
import { type MiningServerSettings, miningServerDefaults } from "@lode/roles";
import {
  AddressRanges,
  addressBlock,
  BanList,
  type BlockBits,
  type ListenLimits,
  type ListenOptions,
} from "@lode/transport";
import type { LimitsConfig } from "./limits-section.ts";
import { strikeReasons } from "./strike-reasons.ts";

/** A listener's part of the `[limits]` section: bounds, sources and bans. @throws TransportError `invalid-address-range` */
export function listenerLimits(
  config: LimitsConfig,
  ports: { readonly clock: Clock; readonly logger: Logger; readonly metrics: Metrics },
): Pick<ListenOptions, "limits" | "exemptFrom" | "proxyProtocolFrom" | "admit" | "watch"> {
  const limits: Partial<ListenLimits> = {
    connections: config.maxConnections,
    connectionsPerAddress: config.maxConnectionsPerBlock,
    handshakes: config.maxHandshakes,
    handshakesPerAddress: config.maxHandshakesPerBlock,
    arrivalsPerAddress: { burst: config.newConnectionsBurst, perSecond: config.newConnectionsPerSec },
    handshakeMs: config.handshakeTimeoutSec * 1000,
    writeQueueBytes: config.writeQueueBytes,
    blockBits: blockBits(config),
    reading: {
      bytes: { burst: config.readBytesBurst, perSecond: config.readBytesPerSec },
      frames: { burst: config.readFramesBurst, perSecond: config.readFramesPerSec },
    },
  };
  const sources = { limits, exemptFrom: config.exemptFrom, proxyProtocolFrom: config.proxyProtocolFrom };
  if (!config.bans.enabled) return sources;
  const bans = new BanList({
    ...ports,
    reasons: strikeReasons,
    exemptFrom: config.bans.exemptFrom,
    settings: {
      strikes: config.bans.strikes,
      windowMs: config.bans.windowSec * 1000,
      graceMs: config.bans.graceSec * 1000,
      firstMs: config.bans.firstBanSec * 1000,
      longestMs: config.bans.longestBanSec * 1000,
      forgiveMs: config.bans.forgiveSec * 1000,
      blockBits: blockBits(config),
    },
  });
  return { ...sources, admit: (address) => bans.admit(address), watch: bans };
}

/** The mining server's part of the `[limits]` section. */
export function miningLimits(config: LimitsConfig): Partial<MiningServerSettings> {
  return {
    maxConnections: config.maxConnections,
    maxChannelsPerConnection: config.maxChannelsPerConnection,
    maxChannelsPerBlock: config.maxChannelsPerBlock,
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

/** The block that an address's channels are counted with; null for addresses without bounds per block. */
export function blockOf(config: LimitsConfig): (remoteAddress: string) => string | null {
  const exempt = new AddressRanges(config.exemptFrom);
  const bits = blockBits(config);
  return (address) => (exempt.contains(address) ? null : addressBlock(address, bits));
}

function blockBits(config: LimitsConfig): BlockBits {
  return { ipv4: config.ipv4BlockBits, ipv6: config.ipv6BlockBits };
}
