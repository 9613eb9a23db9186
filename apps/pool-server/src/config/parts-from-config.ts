import { DIFF1_TARGET, maxTarget } from "@lode/bitcoin";
import { NodeRpc } from "@lode/bitcoin/node";
import { defaultChannelSettings } from "@lode/mining";
import { native } from "@lode/native";
import { CodedError, type Logger, systemClock, systemRandom } from "@lode/ports";
import { templateServerMaxLength } from "@lode/roles";
import {
  decodeAuthorityPublicKey,
  decodeAuthoritySecretKey,
  dial,
  encodeAuthorityPublicKey,
  ServerIdentity,
  splitHostPort,
} from "@lode/transport";
import type { PoolDeps, PoolSettings } from "../pool.ts";
import { configuredIdentifier } from "./accounts-config.ts";
import { miningLimits } from "./limits-from-config.ts";
import type { PoolServerConfig } from "./pool-server-config.ts";
import { parseRewardScript } from "./reward-script.ts";

/** A configuration that cannot be run; the message says what to change. */
export class PoolConfigError extends CodedError<{ code: "invalid-config"; key: string }> {}

/** What a pool is told by its configuration. */
export function poolSettings(config: PoolServerConfig, payoutScript: Uint8Array): PoolSettings {
  return {
    payoutScript,
    tag: new TextEncoder().encode(config.pool.poolSignature),
    serverId: config.pool.serverId,
    outageRefuseMs: config.templates.outageRefuseSec * 1000,
    outageCloseMs: config.templates.outageCloseSec * 1000,
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

/** Names the key whose value cannot be read; the value itself may be a secret. */
function readKey<T>(key: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    throw new PoolConfigError({ code: "invalid-config", key }, `${key}: ${error.message}`, { cause: error });
  }
}

/** Who a miner's identity names. @throws PoolConfigError when an account cannot be paid */
export function identifier(config: PoolServerConfig): PoolDeps["identify"] {
  return readKey("accounts", () => configuredIdentifier(config.pool.network, config.accounts));
}

/** Who receives the block reward. @throws PoolConfigError */
export function rewardScript(config: PoolServerConfig): Uint8Array {
  const { coinbaseRewardScript, network } = config.pool;
  if (coinbaseRewardScript === "") {
    throw new PoolConfigError(
      { code: "invalid-config", key: "pool.coinbase_reward_script" },
      "pool.coinbase_reward_script is not set: name the address that receives the block reward",
    );
  }
  return readKey("pool.coinbase_reward_script", () => parseRewardScript(coinbaseRewardScript, network));
}

/** The server's authority key and its certificates. @throws PoolConfigError */
export function serverIdentity(config: PoolServerConfig): ServerIdentity {
  const { authoritySecretKey, authorityPublicKey, certValiditySec } = config.pool;
  if (authoritySecretKey === "") {
    throw new PoolConfigError(
      { code: "invalid-config", key: "pool.authority_secret_key" },
      "pool.authority_secret_key is not set: make a key pair with `lode keys generate`",
    );
  }
  const identity = ServerIdentity.create({
    authoritySecret: readKey("pool.authority_secret_key", () => decodeAuthoritySecretKey(authoritySecretKey)),
    random: systemRandom,
    clock: systemClock,
    validitySeconds: certValiditySec,
  });
  const publicKey = encodeAuthorityPublicKey(identity.authorityKey);
  if (authorityPublicKey !== "" && authorityPublicKey !== publicKey) {
    throw new PoolConfigError(
      { code: "invalid-config", key: "pool.authority_public_key" },
      `pool.authority_public_key is ${authorityPublicKey}, but the secret key belongs to ${publicKey}`,
    );
  }
  return identity;
}

/** Connects to a template source by its name. @throws PoolConfigError when a source's key cannot be read */
export function templateDialer(config: PoolServerConfig, logger: Logger) {
  // A key that cannot be read would fail at every attempt to connect, for ever.
  for (const { name, publicKey } of config.templates.sources) {
    if (publicKey !== "")
      readKey(`templates.sources (${name}).public_key`, () => decodeAuthorityPublicKey(publicKey));
  }
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

/** The RPC client of a node. */
export function nodeRpc(node: PoolServerConfig["nodes"][number]): NodeRpc {
  return new NodeRpc({
    url: node.url,
    ...(node.cookieFile === "" ? {} : { cookieFile: node.cookieFile }),
    ...(node.user === "" ? {} : { user: node.user, password: node.password }),
    ports: { clock: systemClock },
  });
}
