import { checkChain } from "@lode/bitcoin/node";
import { native } from "@lode/native";
import { type Logger, type Metrics, systemClock, systemRandom } from "@lode/ports";
import { templateClientMaxLength } from "@lode/roles";
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

/** Connects a template provider to its node and its port. @throws ConfigError, ChainError, NodeRpcError */
export async function startTemplateProvider(
  config: TemplateProviderConfig,
  deps: { readonly logger: Logger; readonly metrics: Metrics },
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
  const rpc = nodeRpc(config);
  const status = await checkChain(rpc, node.network);
  if (status.initialBlockDownload && node.network !== "regtest") {
    logger.warn(
      { blocks: status.blocks, headers: status.headers },
      "the node is still catching up with its chain; its templates are worthless until it has",
    );
  }
  const provider = new TemplateProvider(
    { rpc, clock: systemClock, logger, metrics },
    {
      feeDelta: BigInt(templateProvider.feeDeltaSat),
      refreshMs: templateProvider.refreshSec * 1000,
      tipPollMs: templateProvider.tipPollMs,
      maxClients: templateProvider.maxClients,
    },
  );
  provider.start();
  // A handful of long-lived clients: handshakes need no threads here.
  const handshaker = createInlineHandshaker(identity, { random: systemRandom });
  const { host, port } = splitHostPort(templateProvider.listenAddress);
  const listener = await listen({
    host,
    port,
    handshaker,
    native,
    clock: systemClock,
    random: systemRandom,
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
      await handshaker.close();
      rpc.close();
    },
  };
}
