import { native } from "@lode/native";
import { type Logger, type Metrics, systemClock, systemRandom } from "@lode/ports";
import { miningServerMaxLength, sv1ServerDefaults } from "@lode/roles";
import { decodeAuthorityPublicKey, dial, listenLines } from "@lode/transport";
import { assertProxy } from "./check-proxy.ts";
import type { ProxyConfig } from "./config.ts";
import { MiningProxy, type ProxySettings } from "./mining-proxy.ts";

/** A running proxy. */
export interface ProxyServer {
  readonly proxy: MiningProxy;
  /** `stratum+tcp://host:port` */
  readonly endpoint: string;
  readonly port: number;
  /** Closes every connection well, within the configured time. */
  drain(): Promise<void>;
  /** Stops at once. */
  stop(): Promise<void>;
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
  const pools = config.upstreams.map(({ address, port, authorityPubkey }) => ({
    host: address,
    port,
    authorityKey: authorityPubkey === "" ? null : decodeAuthorityPublicKey(authorityPubkey),
  }));
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
    limits: {
      connections: limits.maxConnections,
      connectionsPerSubnet: limits.maxConnectionsPerSubnet,
      arrivalsPerSubnet: { burst: limits.newConnectionsBurst, perSecond: limits.newConnectionsPerSec },
    },
    proxyProtocolFrom: limits.proxyProtocolFrom,
    exemptFrom: limits.exemptFrom,
    onConnection: (connection) => proxy.accept(connection),
  });
  proxy.start();
  const endpoint = `stratum+tcp://${host.includes(":") ? `[${host}]` : host}:${listener.port}`;
  logger.info({ endpoint, upstreams: config.upstreams.map(({ name }) => name) }, "proxy is open");
  return {
    proxy,
    endpoint,
    port: listener.port,
    async drain() {
      await listener.close();
      await proxy.drain(drainSec * 1000);
    },
    async stop() {
      await listener.close();
      proxy.stop();
    },
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
