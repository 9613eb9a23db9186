import { DIFF1_TARGET, maxTarget, serializeOutput, sigopCostOfOutput, subsidyAt } from "@lode/bitcoin";
import { NodeMonitor, NodeRpc } from "@lode/bitcoin/node";
import { type DatabaseOptions, parseDatabaseUrl } from "@lode/ledger";
import { defaultChannelSettings } from "@lode/mining";
import { native } from "@lode/native";
import { type Logger, type Metrics, systemClock, systemRandom } from "@lode/ports";
import { templateServerMaxLength } from "@lode/roles";
import {
  decodeAuthorityPublicKey,
  decodeAuthoritySecretKey,
  dial,
  ServerIdentity,
  splitHostPort,
} from "@lode/transport";
import type { PoolSettings } from "../pool.ts";
import type { TemplateSourceSettings } from "../templates/template-source.ts";
import { miningLimits } from "./limits-from-config.ts";
import { soloFee } from "./payout-config.ts";
import type { PoolServerConfig } from "./pool-server-config.ts";
import { parseRewardScript } from "./reward-script.ts";

/** What a pool is told by its configuration. */
export function poolSettings(config: PoolServerConfig, payoutScript: Uint8Array): PoolSettings {
  return {
    payoutScript,
    subsidyAt: (height) => subsidyAt(height, config.pool.network),
    tag: new TextEncoder().encode(config.pool.poolSignature),
    serverId: config.pool.serverId,
    confirmNodes: config.pool.confirmNodes,
    outageRefuseMs: config.templates.outageRefuseSec * 1000,
    outageCloseMs: config.templates.outageCloseSec * 1000,
    sharedOutageNotReadyMs: config.database.sharedOutageNotReadySec * 1000,
    mining: {
      ...miningLimits(config.limits),
      extensions: {
        supported: config.pool.supportedExtensions,
        required: config.pool.requiredExtensions,
      },
      channel: {
        ...defaultChannelSettings,
        sharesPerMinute: config.pool.sharesPerMinute,
        easiestTarget: targetOfDifficulty(config.pool.minDifficulty),
      },
    },
    recorder: {},
  };
}

/** Target of a difficulty that may be below one; the six digits a person writes are kept exactly. */
function targetOfDifficulty(difficulty: number): bigint {
  const PRECISION = 10n ** 12n;
  const scaled = BigInt(Math.max(1, Math.round(difficulty * Number(PRECISION))));
  const target = (DIFF1_TARGET * PRECISION) / scaled;
  return target > maxTarget ? maxTarget : target;
}

/** Who receives the block reward. @throws RewardScriptError */
export function rewardScript({ pool }: PoolServerConfig): Uint8Array {
  return parseRewardScript(pool.coinbaseRewardScript, pool.network);
}

/** Where miners connect, and the identity that answers there: the pool's own place first. @throws KeyError */
export function minerPlaces({
  pool,
}: PoolServerConfig): { readonly host: string; readonly port: number; readonly identity: ServerIdentity }[] {
  return [pool, ...pool.listeners].map(({ listenAddress, authoritySecretKey }) => ({
    ...splitHostPort(listenAddress),
    identity: ServerIdentity.create({
      authoritySecret: decodeAuthoritySecretKey(authoritySecretKey),
      random: systemRandom,
      clock: systemClock,
      validitySeconds: pool.certValiditySec,
    }),
  }));
}

/** The database under a name that tells this server from others, in `pg_stat_activity`; a name in the URL wins. */
export function namedDatabase({
  database,
  pool,
}: PoolServerConfig): DatabaseOptions & { applicationName: string } {
  return { applicationName: `lode pool ${pool.serverId}`, ...parseDatabaseUrl(database.url) };
}

/** The most that an output to a miner takes: P2WSH and P2TR are the longest, P2PKH has sigops. */
const MINER_OUTPUT = { size: 43, sigopCost: 4 };

/** What templates must leave free for our outputs (CoinbaseOutputConstraints, SV2 7.1), whatever the scheme of a job. */
function coinbaseRoom(config: PoolServerConfig) {
  const fee = soloFee(config);
  const poolScripts = [rewardScript(config), ...(fee === undefined ? [] : [fee.script])];
  const size = Math.max(
    MINER_OUTPUT.size,
    ...poolScripts.map((script) => serializeOutput(0n, script).length),
  );
  const sigopCost = Math.max(MINER_OUTPUT.sigopCost, ...poolScripts.map(sigopCostOfOutput));
  return {
    coinbaseOutputMaxAdditionalSize: MINER_OUTPUT.size + size,
    coinbaseOutputMaxAdditionalSigops: MINER_OUTPUT.sigopCost + sigopCost,
  };
}

/** The template sources, and the room that they leave for the pool's output. */
export function sourceSettings(config: PoolServerConfig): TemplateSourceSettings[] {
  const { pool, templates } = config;
  const room = coinbaseRoom(config);
  return templates.sources.map(({ name, address }, index) => ({
    name,
    address,
    setting: `templates.sources.${index}`,
    network: pool.network,
    ...room,
    firstTemplateWithinMs: templates.firstTemplateSec * 1000,
  }));
}

/** Connects to a template source by its name. @throws KeyError */
export function templateDialer(config: PoolServerConfig, logger: Logger) {
  return (sourceName: string) => {
    const source = config.templates.sources.find(({ name }) => name === sourceName);
    if (source === undefined) throw new Error(`no template source is called ${sourceName}`);
    return dial({
      ...splitHostPort(source.address),
      authorityKey: source.publicKey === "" ? null : decodeAuthorityPublicKey(source.publicKey),
      native,
      clock: systemClock,
      random: systemRandom,
      logger,
      maxLength: templateServerMaxLength,
    });
  };
}

/** The RPC client of a node. @throws NodeOptionsError */
export function nodeRpc(node: PoolServerConfig["nodes"][number]): NodeRpc {
  return new NodeRpc({
    url: node.url,
    ...(node.cookieFile === "" ? {} : { cookieFile: node.cookieFile }),
    ...(node.user === "" ? {} : { user: node.user, password: node.password }),
    ports: { clock: systemClock },
  });
}

/** A node that takes found blocks, and the watch over it. */
export interface WatchedNode {
  readonly name: string;
  readonly rpc: NodeRpc;
  readonly monitor: NodeMonitor;
  stop(): void;
}

/** The nodes that get found blocks; their watches are not started. @throws NodeOptionsError */
export function watchedNodes(
  { nodes, pool }: PoolServerConfig,
  ports: { readonly logger: Logger; readonly metrics: Metrics },
): WatchedNode[] {
  return nodes.map((node, index) => {
    const { name } = node;
    const rpc = nodeRpc(node);
    const place = { network: pool.network, setting: `nodes.${index}.url` };
    const monitor = new NodeMonitor({ name, rpc, ...place, clock: systemClock, ...ports });
    return {
      name,
      rpc,
      monitor,
      stop() {
        monitor.stop();
        rpc.close();
      },
    };
  });
}
