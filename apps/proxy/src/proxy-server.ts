import { native } from "@lode/native";
import { type Logger, type Metrics, systemClock, systemRandom } from "@lode/ports";
import { minerMaxLength, miningServerMaxLength, sv1ServerDefaults } from "@lode/roles";
import type { ConnectionCheck } from "@lode/service";
import {
  createThreadedHandshaker,
  decodeAuthorityPublicKey,
  decodeAuthoritySecretKey,
  dial,
  formatEndpointUrl,
  listen,
  listenLines,
  ServerIdentity,
  splitHostPort,
} from "@lode/transport";
import { assertProxy } from "./check-proxy.ts";
import type { ProxyConfig } from "./config.ts";
import { MiningProxy, type ProxySettings } from "./mining-proxy.ts";
import { checkUpstream, type UpstreamPlace } from "./upstream/check-upstream.ts";

/** A running proxy. */
export interface ProxyServer {
  readonly proxy: MiningProxy;
  /** `stratum+tcp://host:port` */
  readonly endpoint: string;
  readonly port: number;
  /** `stratum2+tcp://host:port/KEY`; null where Stratum V2 miners cannot connect. */
  readonly sv2Endpoint: string | null;
  /** Closes every connection well, within the configured time. */
  drain(): Promise<void>;
  /** Stops at once. */
  stop(): Promise<void>;
}

/** Where the pools are. @throws KeyError */
function upstreamPlaces(config: ProxyConfig): UpstreamPlace[] {
  return config.upstreams.map(({ address, port, authorityPubkey }, index) => ({
    host: address,
    port,
    authorityKey: authorityPubkey === "" ? null : decodeAuthorityPublicKey(authorityPubkey),
    setting: `upstreams.${index}`,
  }));
}

/** What a proxy connects to, to be tried. @throws KeyError */
export function proxyConnections(config: ProxyConfig): ConnectionCheck[] {
  return upstreamPlaces(config).map((place) => ({
    key: place.setting,
    attempt: () => checkUpstream(place, { native, clock: systemClock, random: systemRandom }),
  }));
}

/** Connects a proxy to its port and its pools. @throws ConfigError, TransportError */
export async function startProxy(
  config: ProxyConfig,
  deps: { readonly logger: Logger; readonly metrics: Metrics },
): Promise<ProxyServer> {
  assertProxy(config);
  const { logger, metrics } = deps;
  const clock = systemClock;
  const random = systemRandom;
  const pools = upstreamPlaces(config);
  const proxy = new MiningProxy(proxySettings(config), {
    clock,
    logger,
    metrics,
    random,
    dial: (index) =>
      dial({ ...pools[index]!, native, clock, random, logger, maxLength: miningServerMaxLength }),
  });
  const { downstreamAddress: host, downstreamPort, drainSec } = config.proxy;
  const { limits } = config;
  const listener = await listenLines({
    host,
    port: downstreamPort,
    clock,
    logger,
    metrics,
    admit: proxy.admit,
    limits: socketLimits(limits),
    proxyProtocolFrom: limits.proxyProtocolFrom,
    exemptFrom: limits.exemptFrom,
    onConnection: (connection) => proxy.accept(connection),
  });
  const sv2 = await openSv2(config, proxy, deps).catch(async (error: unknown) => {
    await listener.close();
    proxy.stop();
    throw error;
  });
  proxy.start();
  const endpoint = `stratum+tcp://${host.includes(":") ? `[${host}]` : host}:${listener.port}`;
  logger.info(
    { endpoint, sv2_endpoint: sv2?.endpoint ?? null, upstreams: config.upstreams.map(({ name }) => name) },
    "proxy is open",
  );
  return {
    proxy,
    endpoint,
    port: listener.port,
    sv2Endpoint: sv2?.endpoint ?? null,
    async drain() {
      await listener.close();
      await sv2?.stopListening();
      await proxy.drain(drainSec * 1000);
      await sv2?.release();
    },
    async stop() {
      await listener.close();
      await sv2?.stopListening();
      proxy.stop();
      await sv2?.release();
    },
  };
}

/** Opens the port for Stratum V2 miners; null when none is configured. */
async function openSv2(
  { sv2Downstream, limits }: ProxyConfig,
  proxy: MiningProxy,
  { logger, metrics }: { readonly logger: Logger; readonly metrics: Metrics },
) {
  if (sv2Downstream.listenAddress === "") return null;
  const clock = systemClock;
  const identity = ServerIdentity.create({
    authoritySecret: decodeAuthoritySecretKey(sv2Downstream.authoritySecretKey),
    random: systemRandom,
    clock,
    validitySeconds: sv2Downstream.certValiditySec,
  });
  const handshaker = await createThreadedHandshaker(identity, { clock, logger });
  const { host, port } = splitHostPort(sv2Downstream.listenAddress);
  const listener = await listen({
    host,
    port,
    handshaker,
    native,
    clock,
    logger,
    metrics,
    maxLength: minerMaxLength,
    labels: { listener: "proxy-sv2" },
    admit: proxy.admit,
    limits: socketLimits(limits),
    proxyProtocolFrom: limits.proxyProtocolFrom,
    exemptFrom: limits.exemptFrom,
    onConnection: (connection) => proxy.acceptSv2(connection),
  }).catch(async (error: unknown) => {
    await handshaker.close();
    throw error;
  });
  return {
    endpoint: formatEndpointUrl({ host, port: listener.port, authorityKey: identity.authorityKey }),
    stopListening: () => listener.close(),
    release: () => handshaker.close(),
  };
}

/** Bounds of either port. */
function socketLimits(limits: ProxyConfig["limits"]) {
  return {
    connections: limits.maxConnections,
    connectionsPerSubnet: limits.maxConnectionsPerSubnet,
    arrivalsPerSubnet: { burst: limits.newConnectionsBurst, perSecond: limits.newConnectionsPerSec },
  };
}

function proxySettings(config: ProxyConfig): ProxySettings {
  const { proxy, downstreamDifficultyConfig: difficulty, limits } = config;
  return {
    upstreams: config.upstreams.map(({ name }) => ({
      name,
      lobbyIdentity: proxy.userIdentity,
      lobbyHashrate: difficulty.minIndividualMinerHashrate,
      extranonce2Size: proxy.downstreamExtranonce2Size,
      vendor: VENDOR,
      readyMs: READY_MS,
    })),
    failover: {
      probeMs: proxy.upstreamProbeSec * 1000,
      returnMs: proxy.upstreamReturnSec * 1000,
      graceMs: GRACE_MS,
    },
    sv1: {
      ...sv1ServerDefaults,
      extranonce2Size: proxy.downstreamExtranonce2Size,
      authorizeMs: limits.authorizeTimeoutSec * 1000,
      keepAliveMs: difficulty.jobKeepaliveIntervalSecs * 1000,
    },
    fixedIdentity: proxy.identityPassThrough ? null : proxy.userIdentity,
    assumedHashrate: difficulty.minIndividualMinerHashrate,
    sharesPerMinute: difficulty.sharesPerMinute,
    answerMs: proxy.answerTimeoutSec * 1000,
    outageCloseMs: proxy.outageCloseSec * 1000,
  };
}

/** Lode's pool server sends Reconnect before a drain to this vendor only. */
const VENDOR = "lode-proxy";
/** From the connection to the first job. */
const READY_MS = 15_000;
/** The pool before is kept for its last answers. */
const GRACE_MS = 10_000;
