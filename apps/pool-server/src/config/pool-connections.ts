import { describeNode } from "@lode/bitcoin/node";
import {
  checkDatabase,
  describeDatabase,
  migrationStatus,
  verifyMigrations,
  withDatabase,
} from "@lode/ledger";
import type { ConnectionCheck } from "@lode/service";
import { nodeRpc } from "./parts-from-config.ts";
import type { PoolServerConfig } from "./pool-server-config.ts";

/** Everything that a pool server connects to, to be tried once. */
export function poolConnections(config: PoolServerConfig): ConnectionCheck[] {
  return [
    { key: "database.url", attempt: () => tryDatabase(config) },
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
