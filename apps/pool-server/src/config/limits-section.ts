import { miningServerDefaults } from "@lode/roles";
import { refined, section } from "@lode/service";
import { AddressRanges, defaultBanSettings, defaultListenLimits, defaultReadLimits } from "@lode/transport";
import Type, { type Static } from "typebox";

const integer = (description: string, fallback: number, minimum: number, maximum: number) =>
  Type.Integer({ description, default: fallback, minimum, maximum });

const rate = (description: string, fallback: number, minimum: number) =>
  Type.Number({ description, default: fallback, minimum, maximum: 1e9 });

const addresses = (description: string, fallback: readonly string[] = []) =>
  Type.Array(
    refined(Type.String(), (entry) => unreadable(entry)),
    { description, default: [...fallback], maxItems: 256 },
  );

function unreadable(entry: string): string | null {
  try {
    new AddressRanges([entry]);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const seconds = (milliseconds: number) => milliseconds / 1000;
const MOST_CONNECTIONS = 1_000_000;
const MOST_CHANNELS = 16_000_000;
const MOST_BYTES = 1_073_741_824;

const bansSection = section({
  enabled: Type.Boolean({
    description: "Turn away addresses whose connections keep misbehaving.",
    default: true,
  }),
  strikes: integer(
    "Connections ended for misbehaviour that ban a subnet; as many again for each connection of it that works well.",
    defaultBanSettings.strikes,
    1,
    100_000,
  ),
  windowSec: integer(
    "Time within which they count together, seconds.",
    seconds(defaultBanSettings.windowMs),
    1,
    86_400,
  ),
  graceSec: integer(
    "Nobody is banned for so long after the start, seconds: nobody has been able to prove anything yet.",
    seconds(defaultBanSettings.graceMs),
    0,
    86_400,
  ),
  firstBanSec: integer(
    "Length of a subnet's first ban, seconds; each further one is twice as long.",
    seconds(defaultBanSettings.firstMs),
    1,
    86_400,
  ),
  longestBanSec: integer("No ban is longer, seconds.", seconds(defaultBanSettings.longestMs), 1, 2_592_000),
  forgiveSec: integer(
    "A subnet without a new ban for this long is as good as new, seconds.",
    seconds(defaultBanSettings.forgiveMs),
    1,
    2_592_000,
  ),
  exemptFrom: addresses("Addresses and CIDR ranges that are never banned.", ["127.0.0.0/8", "::1"]),
});

const limits = section({
  maxConnections: integer(
    "Connections in all, handshakes included.",
    defaultListenLimits.connections,
    1,
    MOST_CONNECTIONS,
  ),
  maxConnectionsPerSubnet: integer(
    "Connections per subnet. Farms stand behind one address.",
    defaultListenLimits.connectionsPerSubnet,
    1,
    MOST_CONNECTIONS,
  ),
  maxHandshakes: integer(
    "Connections that have not finished their handshake, in all.",
    defaultListenLimits.handshakes,
    1,
    MOST_CONNECTIONS,
  ),
  maxHandshakesPerSubnet: integer(
    "The same per subnet.",
    defaultListenLimits.handshakesPerSubnet,
    1,
    MOST_CONNECTIONS,
  ),
  newConnectionsBurst: integer(
    "New connections that a subnet may open at once: twice the biggest farm that loses its line.",
    20_000,
    1,
    MOST_CONNECTIONS,
  ),
  newConnectionsPerSec: rate("New connections a second that a subnet may open for ever.", 200, 0.1),
  ipv4SubnetBits: integer(
    "Bits of an IPv4 address that make its subnet, which bounds per subnet and bans count by.",
    defaultListenLimits.subnetBits.ipv4,
    8,
    32,
  ),
  ipv6SubnetBits: integer("The same for IPv6.", defaultListenLimits.subnetBits.ipv6, 16, 128),
  exemptFrom: addresses(
    "Addresses and CIDR ranges that the bounds per subnet do not apply to: big farms, load balancers without PROXY headers.",
  ),
  proxyProtocolFrom: addresses(
    "Addresses and CIDR ranges of load balancers; each of their connections must begin with a PROXY protocol v2 header.",
  ),
  handshakeTimeoutSec: integer(
    "From TCP accept to the end of the Noise handshake, seconds.",
    seconds(defaultListenLimits.handshakeMs),
    1,
    300,
  ),
  setupTimeoutSec: integer(
    "From there to SetupConnection, seconds.",
    seconds(miningServerDefaults.setupTimeoutMs),
    1,
    300,
  ),
  firstChannelTimeoutSec: integer(
    "From there to the first channel, seconds. Proxies open one when their first miner comes.",
    seconds(miningServerDefaults.firstChannelTimeoutMs),
    1,
    86_400,
  ),
  maxChannelsPerConnection: integer(
    "Channels of one connection. A refused channel makes the reference translator leave with its whole farm.",
    miningServerDefaults.maxChannelsPerConnection,
    1,
    MOST_CHANNELS,
  ),
  maxChannelsPerSubnet: integer(
    "Channels of all connections of a subnet.",
    miningServerDefaults.maxChannelsPerSubnet,
    1,
    MOST_CHANNELS,
  ),
  maxChannels: integer(
    "Channels in all; those asked for included; each takes about 9 kB.",
    miningServerDefaults.maxChannels,
    1,
    MOST_CHANNELS,
  ),
  maxScriptsPerConnection: integer(
    "Scripts that solo blocks of one connection's channels pay.",
    miningServerDefaults.maxScriptsPerConnection,
    1,
    MOST_CHANNELS,
  ),
  maxScriptsPerSubnet: integer(
    "The same for all connections of a subnet.",
    miningServerDefaults.maxScriptsPerSubnet,
    1,
    MOST_CHANNELS,
  ),
  newAccountsPerSubnetPerHour: integer(
    "Payout scripts that a subnet may bring in an hour and this pool has never seen. Known ones always pass.",
    miningServerDefaults.newAccountsPerSubnetPerHour,
    1,
    MOST_CHANNELS,
  ),
  newAccountsPerHour: integer(
    "The same for all subnets together.",
    miningServerDefaults.newAccountsPerHour,
    1,
    MOST_CHANNELS,
  ),
  readBytesPerSec: integer(
    "Bytes a second that are read from a connection; what comes faster waits at the peer.",
    defaultReadLimits.bytes.perSecond,
    1_000,
    MOST_BYTES,
  ),
  readBytesBurst: integer(
    "Bytes that are read at once, after a quiet time.",
    defaultReadLimits.bytes.burst,
    1_000,
    MOST_BYTES,
  ),
  readFramesPerSec: integer(
    "Messages a second that are read from a connection; what comes faster waits at the peer.",
    defaultReadLimits.frames.perSecond,
    10,
    10_000_000,
  ),
  readFramesBurst: integer(
    "Messages that are read at once, after a quiet time.",
    defaultReadLimits.frames.burst,
    10,
    10_000_000,
  ),
  writeQueueBytes: integer(
    "Bytes that may wait for a peer that does not read; above, the connection is cut.",
    defaultListenLimits.writeQueueBytes,
    1_048_576,
    MOST_BYTES,
  ),
  invalidSharesBurst: integer(
    "Refused shares that a connection may send at once; each accepted share gives one back.",
    miningServerDefaults.invalidShares.burst,
    1,
    1_000_000,
  ),
  invalidSharesPerSec: rate(
    "Refused shares a second that a connection may send for ever.",
    miningServerDefaults.invalidShares.perSecond,
    0,
  ),
  invalidSharesPerChannel: integer(
    "Added to the burst of refused shares for each channel: a new block makes shares of all of them stale.",
    miningServerDefaults.invalidSharesPerChannel,
    0,
    1_000_000,
  ),
  invalidMessagesBurst: integer(
    "Messages that are refused or make no sense, which a connection may send at once.",
    miningServerDefaults.invalidMessages.burst,
    1,
    1_000_000,
  ),
  invalidMessagesPerSec: rate(
    "Such messages a second that a connection may send for ever.",
    miningServerDefaults.invalidMessages.perSecond,
    0,
  ),
  openingsBurst: integer(
    "Channels that a connection may open at once; requests beyond it wait for their turn.",
    miningServerDefaults.openings.burst,
    1,
    MOST_CHANNELS,
  ),
  openingsPerSec: rate(
    "Channels a second that a connection may open then.",
    miningServerDefaults.openings.perSecond,
    0,
  ),
  bans: bansSection,
});

/** The `[limits]` section as it is in force. */
export type LimitsConfig = Static<typeof limits>;

/** Pairs of keys of which the first must not be above the second. */
const ORDER = [
  ["maxConnectionsPerSubnet", "maxConnections"],
  ["maxHandshakesPerSubnet", "maxHandshakes"],
  ["maxChannelsPerConnection", "maxChannelsPerSubnet"],
  ["maxChannelsPerSubnet", "maxChannels"],
  ["maxScriptsPerConnection", "maxScriptsPerSubnet"],
  ["newAccountsPerSubnetPerHour", "newAccountsPerHour"],
  ["readBytesPerSec", "readBytesBurst"],
  ["readFramesPerSec", "readFramesBurst"],
] as const satisfies readonly (readonly [keyof LimitsConfig, keyof LimitsConfig])[];

/** What a connection may do, and what happens to those that do more. */
export const limitsSection = refined(limits, contradictions);

function contradictions(config: LimitsConfig): string | null {
  for (const [lower, upper] of ORDER) {
    if (config[lower] > config[upper]) {
      return `{${lower}} (${config[lower]}) is above {${upper}} (${config[upper]}): lower the one or raise the other`;
    }
  }
  const { firstBanSec, longestBanSec } = config.bans;
  return firstBanSec > longestBanSec
    ? `bans.{firstBanSec} (${firstBanSec}) is above bans.{longestBanSec} (${longestBanSec})`
    : null;
}
