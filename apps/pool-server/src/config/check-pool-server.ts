import { parseDatabaseUrl } from "@lode/ledger";
import { identifier } from "@lode/mining";
import { ConfigError, directoryProblem, type KeyProblem, problemOf } from "@lode/service";
import {
  decodeAuthorityPublicKey,
  decodeAuthoritySecretKey,
  encodeAuthorityPublicKey,
  isLoopback,
  keypairFromSecret,
  splitHostPort,
} from "@lode/transport";
import { configuredIdentifier } from "./accounts-config.ts";
import { nodeRpc, rewardScript } from "./parts-from-config.ts";
import { soloFee } from "./payout-config.ts";
import type { PoolServerConfig } from "./pool-server-config.ts";

const AUTHORITY = "pool.authority_secret_key";

/**
 * What a pool server cannot start with, beyond what the schema says: everything at once, found by the parsers that the start
 * uses. Nothing outside this process is asked.
 */
export function checkPoolServer(config: PoolServerConfig): KeyProblem[] {
  return [
    ...reward(config),
    ...payout(config),
    ...authority(config),
    ...listenAddresses(config),
    ...accounts(config),
    ...sources(config),
    ...nodes(config),
    ...problemOf("database.url", () => parseDatabaseUrl(config.database.url)),
    ...dataDirectory(config),
  ];
}

/** @throws ConfigError with everything that {@link checkPoolServer} finds */
export function assertPoolServer(config: PoolServerConfig): void {
  const problems = checkPoolServer(config).map(({ key, message }) => `${key}: ${message}`);
  if (problems.length > 0) throw new ConfigError(problems);
}

/** The authority keys that miners configure, by the keys of the configuration that they follow from; none for unreadable ones. */
export function authorityPublicKeys({ pool }: Pick<PoolServerConfig, "pool">): Record<string, string> {
  const secrets: [string, string][] = [
    [AUTHORITY, pool.authoritySecretKey],
    ...pool.listeners.map(({ authoritySecretKey }, index): [string, string] => [
      `pool.listeners.${index}.authority_secret_key`,
      authoritySecretKey,
    ]),
  ];
  const known: Record<string, string> = {};
  for (const [key, secret] of secrets) {
    if (problemOf(key, () => decodeAuthoritySecretKey(secret)).length > 0) continue;
    const { publicKey } = keypairFromSecret(decodeAuthoritySecretKey(secret));
    known[key] = encodeAuthorityPublicKey(publicKey);
  }
  return known;
}

function reward(config: PoolServerConfig): KeyProblem[] {
  const key = "pool.coinbase_reward_script";
  if (config.pool.coinbaseRewardScript === "")
    return [{ key, message: "is not set: name the address that receives the block reward" }];
  return problemOf(key, () => rewardScript(config), ["pool.network"]);
}

function payout(config: PoolServerConfig): KeyProblem[] {
  // A wrong coinbase_reward_script is named where it stands.
  if (config.payout.soloFeeAddress === "") return [];
  return problemOf("payout.solo_fee_address", () => soloFee(config), ["pool.network"]);
}

function authority(config: PoolServerConfig): KeyProblem[] {
  const { authoritySecretKey, authorityPublicKey: written, listeners } = config.pool;
  const publicKey = authorityPublicKeys(config)[AUTHORITY];
  const problems = secretKey(AUTHORITY, authoritySecretKey);
  for (const [index, listener] of listeners.entries())
    problems.push(...secretKey(`pool.listeners.${index}.authority_secret_key`, listener.authoritySecretKey));
  if (written === "") return problems;
  const publicProblems = problemOf("pool.authority_public_key", () => decodeAuthorityPublicKey(written));
  if (publicProblems.length === 0 && publicKey !== undefined && written !== publicKey) {
    const message = `is ${written}, but the secret key belongs to ${publicKey}`;
    publicProblems.push({ key: "pool.authority_public_key", message, restsOn: [AUTHORITY] });
  }
  return [...problems, ...publicProblems];
}

function secretKey(key: string, text: string): KeyProblem[] {
  if (text !== "") return problemOf(key, () => decodeAuthoritySecretKey(text));
  const message =
    "is not set: make a key with `lode keys generate --out FILE`, name FILE in authority_secret_key_file";
  return [{ key, message }];
}

/** Two sockets that cannot both be listened on. */
function listenAddresses({ pool, admin }: PoolServerConfig): KeyProblem[] {
  const places = [
    { key: "pool.listen_address", ...splitHostPort(pool.listenAddress) },
    ...pool.listeners.map(({ listenAddress }, index) => ({
      key: `pool.listeners.${index}.listen_address`,
      ...splitHostPort(listenAddress),
    })),
    { key: "admin.listen_address", ...splitHostPort(admin.listenAddress) },
  ];
  return places.flatMap(({ key, host, port }, index) => {
    const other = places.slice(0, index).find((place) => place.port === port && overlap(place.host, host));
    if (other === undefined || port === 0) return [];
    return [{ key, message: `port ${port} is that of ${other.key}: choose another`, restsOn: [other.key] }];
  });
}

function overlap(a: string, b: string): boolean {
  return a === b || [a, b].some((host) => /^(0\.0\.0\.0|::)$/.test(host));
}

function accounts(config: PoolServerConfig): KeyProblem[] {
  const { named } = config.accounts;
  const { network } = config.pool;
  const each = named.flatMap((account, index) =>
    problemOf(
      `accounts.named.${index}`,
      () => identifier({ network, mode: "accounts", accounts: [account] }),
      ["pool.network", "accounts.named"],
    ),
  );
  return each.length > 0
    ? each
    : problemOf("accounts", () => configuredIdentifier(network, config.accounts), [
        "accounts.mode",
        "pool.network",
      ]);
}

function sources({ templates }: PoolServerConfig): KeyProblem[] {
  const problems = repeatedNames("templates.sources", templates.sources);
  for (const [index, { address, publicKey, acceptAnyKey }] of templates.sources.entries()) {
    const key = `templates.sources.${index}.public_key`;
    if (publicKey !== "") problems.push(...problemOf(key, () => decodeAuthorityPublicKey(publicKey)));
    else if (!acceptAnyKey && !isLoopback(splitHostPort(address).host)) {
      const message = `is empty, and ${address} is not this machine: anyone who can answer there could make the pool mine anything. Set the key that the template server prints at its start, or accept_any_key = true`;
      problems.push({ key, message, restsOn: [`templates.sources.${index}.address`] });
    }
  }
  return problems;
}

function nodes(config: PoolServerConfig): KeyProblem[] {
  const problems = repeatedNames("nodes", config.nodes);
  for (const [index, node] of config.nodes.entries()) {
    problems.push(...problemOf(`nodes.${index}`, () => nodeRpc(node).close()));
  }
  return problems;
}

function dataDirectory({ pool }: PoolServerConfig): KeyProblem[] {
  const message = directoryProblem(pool.dataDir);
  return message === null ? [] : [{ key: "pool.data_dir", message }];
}

function repeatedNames(list: string, entries: readonly { readonly name: string }[]): KeyProblem[] {
  return entries.flatMap(({ name }, index) => {
    const first = entries.findIndex((entry) => entry.name === name);
    if (first === index) return [];
    return [{ key: `${list}.${index}.name`, message: `"${name}" is also the name of ${list}.${first}` }];
  });
}
