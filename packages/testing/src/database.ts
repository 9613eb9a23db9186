import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EmbeddedPostgres, startPostgres } from "@lode/devnet";
import { type Database, migrate, openDatabase } from "@lode/ledger";
import { systemRandom } from "@lode/ports";

/** A database of one test file's own. */
export interface TestDatabase {
  readonly url: string;
  /** Connections for the test itself. */
  readonly sql: Database;
  /** The server below it, when it is ours: to be killed and started again. Null with TEST_DATABASE_URL. */
  readonly server: EmbeddedPostgres | null;
  /** Drops the database; the last one takes the server down. */
  close(): Promise<void>;
}

/** One server for all databases of this process, without fsync. */
let cluster: { server: Promise<EmbeddedPostgres>; folder: string; users: number } | undefined;

/**
 * A fresh database: on the server of TEST_DATABASE_URL where that is set (the user must be allowed to create databases),
 * else on an embedded Postgres. Migrated unless told otherwise.
 */
export async function startTestDatabase(
  options: { readonly migrated?: boolean } = {},
): Promise<TestDatabase> {
  const external = process.env["TEST_DATABASE_URL"];
  const server = external === undefined || external === "" ? await takeServer() : null;
  const admin = openDatabase(server?.url ?? external ?? "", { max: 1 });
  const name = `lode_test_${Buffer.from(systemRandom(8)).toString("hex")}`;
  await admin.unsafe(`create database ${name}`);
  const url = new URL(server?.url ?? external ?? "");
  url.pathname = `/${name}`;
  const sql = openDatabase(url.href);
  if (options.migrated !== false) await migrate(sql);
  return {
    url: url.href,
    sql,
    server,
    async close() {
      await sql.end({ timeout: 1 });
      await admin.unsafe(`drop database ${name} with (force)`);
      await admin.end({ timeout: 1 });
      if (server !== null) await leaveServer();
    },
  };
}

function takeServer(): Promise<EmbeddedPostgres> {
  if (cluster === undefined) {
    const folder = mkdtempSync(join(tmpdir(), "lode-test-postgres-"));
    chmodSync(folder, 0o755); // started by root, another user runs it and has to enter
    cluster = { server: startPostgres({ dataDir: folder, durable: false }), folder, users: 0 };
  }
  cluster.users++;
  return cluster.server;
}

async function leaveServer(): Promise<void> {
  if (cluster === undefined || --cluster.users > 0) return;
  const { server, folder } = cluster;
  cluster = undefined;
  await (await server).stop();
  rmSync(folder, { recursive: true, force: true });
}
