import { describeNode } from "@lode/bitcoin/node";
import {
  checkDatabase,
  describeDatabase,
  migrationStatus,
  verifyMigrations,
  withDatabase,
} from "@lode/ledger";
import { noMetrics, silentLogger, systemClock } from "@lode/ports";
import type { ConnectionCheck } from "@lode/service";
import { blockWitness } from "../templates/block-witness.ts";
import { checkTemplateSource } from "../templates/check-source.ts";
import type { TemplateSourceSettings } from "../templates/template-source.ts";
import { nodeRpc, sourceSettings, templateDialer, watchedNodes } from "./parts-from-config.ts";
import type { PoolServerConfig } from "./pool-server-config.ts";

/** Everything that a pool server connects to, to be tried once. */
export function poolConnections(config: PoolServerConfig): ConnectionCheck[] {
  return [
    { key: "database.url", attempt: () => tryDatabase(config) },
    ...sourceSettings(config).map((settings) => ({
      key: settings.setting,
      attempt: () => trySource(config, settings),
    })),
    ...config.nodes.map((node, index) => ({
      key: `nodes.${index}.url`,
      attempt: () => describeNode(nodeRpc(node), config.pool.network, `nodes.${index}.url`),
    })),
  ];
}

async function tryDatabase({ database }: PoolServerConfig): Promise<string> {
  const place = { connection: database.url, setting: "database.url" };
  await checkDatabase(place);
  const states = await withDatabase(place, (sql) =>
    database.migrate === "verify" ? verifyMigrations(sql) : migrationStatus(sql),
  );
  const pending = states.filter(({ state }) => state === "pending").length;
  const server = `Postgres at ${describeDatabase(database.url)} records durably`;
  return pending === 0 ? server : `${server}; the start applies ${pending} migrations`;
}

async function trySource(config: PoolServerConfig, settings: TemplateSourceSettings): Promise<string> {
  const nodes = watchedNodes(config, { logger: silentLogger, metrics: noMetrics });
  const dial = templateDialer(config, silentLogger);
  try {
    return await checkTemplateSource(settings, {
      clock: systemClock,
      dial: () => dial(settings.name),
      witness: blockWitness(nodes),
    });
  } finally {
    for (const node of nodes) node.stop();
  }
}
