import { checkNode, NodeMonitor } from "@lode/bitcoin/node";
import { native } from "@lode/native";
import { FailureLog, type Logger, type Metrics, systemClock, systemRandom, waitFor } from "@lode/ports";
import { templateClientMaxLength } from "@lode/roles";
import { checkPort } from "@lode/service";
import {
  createInlineHandshaker,
  decodeAuthoritySecretKey,
  encodeAuthorityPublicKey,
  listen,
  ServerIdentity,
  splitHostPort,
} from "@lode/transport";
import { assertTemplateProvider, nodeRpc } from "./check-template-provider.ts";
import type { TemplateProviderConfig } from "./config.ts";
import { TemplateProvider } from "./template-provider.ts";

/** A running template provider. */
export interface TemplateProviderServer {
  readonly provider: TemplateProvider;
  readonly host: string;
  readonly port: number;
  /** What pools configure as `public_key`. */
  readonly authorityPublicKey: string;
  stop(): Promise<void>;
}

/** What a template provider runs with. */
export interface TemplateProviderServerDeps {
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Ends the wait for the node. */
  readonly signal?: AbortSignal;
  /** The start waits this long for a node that is not there yet, milliseconds; 0: for as long as it takes. */
  readonly waitMs?: number;
  /** Told what the start waits for, and null when that is there. */
  readonly onWaiting?: (sentence: string | null) => void;
}

/** The setting that names the node, in messages. */
const NODE_SETTING = "node.url";

/**
 * Connects a template provider to its node and its port; waits for a node that is not there yet.
 *
 * @throws ConfigError, DependencyError, ExitError when the port is taken
 */
export async function startTemplateProvider(
  config: TemplateProviderConfig,
  deps: TemplateProviderServerDeps,
): Promise<TemplateProviderServer> {
  const { logger, metrics } = deps;
  const { templateProvider, node } = config;
  assertTemplateProvider(config);
  const identity = ServerIdentity.create({
    authoritySecret: decodeAuthoritySecretKey(templateProvider.authoritySecretKey),
    random: systemRandom,
    clock: systemClock,
    validitySeconds: templateProvider.certValiditySec,
  });
  const { host, port } = splitHostPort(templateProvider.listenAddress);
  await checkPort(
    { host, port },
    `listen for pools on ${templateProvider.listenAddress}`,
    "template_provider.listen_address",
  );
  const rpc = nodeRpc(config);
  try {
    await waitFor(() => checkNode(rpc, node.network, { setting: NODE_SETTING }), {
      clock: systemClock,
      log: new FailureLog({ clock: systemClock, logger }),
      ready: `the node at ${rpc.endpoint} is there`,
      withinMs: deps.waitMs ?? templateProvider.waitForNodeSec * 1000,
      signal: deps.signal,
      onWait: deps.onWaiting,
    });
  } catch (error) {
    rpc.close();
    throw error;
  }
  const monitor = new NodeMonitor({
    name: "node",
    rpc,
    network: node.network,
    setting: NODE_SETTING,
    clock: systemClock,
    logger,
    metrics,
    onState: (state) => provider.onNodeState(state),
  });
  const provider: TemplateProvider = new TemplateProvider(
    { rpc, setting: NODE_SETTING, check: () => monitor.check(), clock: systemClock, logger, metrics },
    {
      feeDelta: BigInt(templateProvider.feeDeltaSat),
      refreshMs: templateProvider.refreshSec * 1000,
      tipPollMs: templateProvider.tipPollMs,
      maxClients: templateProvider.maxClients,
    },
  );
  monitor.start();
  provider.start();
  // A handful of long-lived clients: handshakes need no threads here.
  const handshaker = createInlineHandshaker(identity, { random: systemRandom });
  const listener = await listen({
    host,
    port,
    handshaker,
    native,
    clock: systemClock,
    logger,
    metrics,
    maxLength: templateClientMaxLength,
    // Transaction data of a full block is one frame of megabytes.
    limits: { writeQueueBytes: 64 * 1024 * 1024, connections: templateProvider.maxClients * 2 },
    onConnection: (connection) => provider.accept(connection),
  });
  const authorityPublicKey = encodeAuthorityPublicKey(identity.authorityKey);
  logger.info(
    { host, port: listener.port, public_key: authorityPublicKey, node: rpc.endpoint },
    "template provider is open",
  );
  return {
    provider,
    host,
    port: listener.port,
    authorityPublicKey,
    async stop() {
      await listener.close();
      provider.stop();
      monitor.stop();
      await handshaker.close();
      rpc.close();
    },
  };
}
