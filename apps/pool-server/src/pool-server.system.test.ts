import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { migrate } from "@lode/ledger";
import { native } from "@lode/native";
import { type Logger, noMetrics, silentLogger, systemClock, systemRandom } from "@lode/ports";
import { minerMaxLength } from "@lode/roles";
import { loadConfig } from "@lode/service";
import { startTestDatabase, type TestDatabase } from "@lode/testing/database";
import { dial, encodeAuthoritySecretKey, generateKeypair, parseEndpointUrl } from "@lode/transport";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { poolServerSchema } from "./config/pool-server-config.ts";
import { type PoolServer, startPoolServer } from "./pool-server.ts";

let database: TestDatabase;
const folder = mkdtempSync(join(tmpdir(), "lode-pool-server-"));
const running: PoolServer[] = [];

beforeAll(async () => {
  database = await startTestDatabase({ migrated: false });
});
afterEach(async () => {
  for (const server of running.splice(0)) await server.stop();
});
afterAll(async () => {
  await database.close();
  rmSync(folder, { recursive: true, force: true });
});

const newKey = () => encodeAuthoritySecretKey(generateKeypair(systemRandom).secretKey);

/** Starts a pool server and returns what it warned of. */
async function start(dataDir: string, ...set: string[]): Promise<{ server: PoolServer; warnings: string[] }> {
  const warnings: string[] = [];
  const logger: Logger = { ...silentLogger, warn: (_fields, message) => warnings.push(message) };
  const config = loadConfig({
    schema: poolServerSchema,
    set: [
      "pool.network=regtest",
      "pool.listen_address=127.0.0.1:0",
      `pool.authority_secret_key=${newKey()}`,
      "pool.coinbase_reward_script=bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", // BIP173's key
      `pool.data_dir=${join(folder, dataDir)}`,
      "templates.sources.0.address=127.0.0.1:1",
      `database.url=${database.url}`,
      ...set,
    ],
  });
  const server = await startPoolServer(config, {
    logger,
    metrics: noMetrics,
    onFatal: () => {},
    allowFsyncOff: true,
    waitMs: 1,
  });
  running.push(server);
  return { server, warnings };
}

describe("a pool server", () => {
  it("that may not migrate waits for somebody who does", async () => {
    await expect(start("a", "database.migrate=verify")).rejects.toMatchObject({
      temporary: true,
      message: expect.stringMatching(/^Postgres at .* is not up to date: \d+ migration.*`lode db migrate`$/),
    });
    await migrate(database.sql);
    await start("a", "database.migrate=verify");
  });

  it("says that the database is newer, and refuses one that is too new", async () => {
    const { server } = await start("a");
    await server.stop();
    await database.sql`
      insert into lode_migration values (9998, '9998_x.sql', '', now(), 1, '7.0.0', '0.1.0')`;
    expect((await start("b")).warnings).toContainEqual(
      expect.stringMatching(/^the database is newer than this lode: lode 7\.0\.0 has applied 9998_x\.sql/),
    );
    await database.sql`
      insert into lode_migration values (9999, '9999_y.sql', '', now(), 1, '8.0.0', '8.0.0')`;
    await expect(start("c")).rejects.toMatchObject({
      temporary: false,
      message: expect.stringContaining("lode 8.0.0 and newer can run"),
    });
    await database.sql`delete from lode_migration where version > 9000`;
  });

  it("uses its data directory alone, and warns when another one has its server_id", async () => {
    const first = await start("a");
    await expect(start("a")).rejects.toThrow(/data directory .* is in use by process/);
    const namesake = expect.stringContaining("give each its own pool.server_id");
    expect(first.warnings).not.toContainEqual(namesake);
    expect((await start("b")).warnings).toContainEqual(namesake);
    expect((await start("c", "pool.server_id=2")).warnings).not.toContainEqual(namesake);
    await first.server.stop();
    await start("a", "pool.server_id=3");
  });

  it("serves an old and a new authority key on two ports", async () => {
    const listener = ["listen_address=127.0.0.1:0", `authority_secret_key=${newKey()}`];
    const { server } = await start("a", ...listener.map((one) => `pool.listeners.0.${one}`));
    expect(server.endpoints).toHaveLength(2);
    const endpoints = server.endpoints.map(parseEndpointUrl);
    const call = (port: number, authorityKey: Uint8Array | null) =>
      dial({
        ...{ host: "127.0.0.1", port, authorityKey, native },
        ...{ clock: systemClock, random: systemRandom, logger: silentLogger },
        maxLength: minerMaxLength,
      });
    for (const { port, authorityKey } of endpoints) (await call(port, authorityKey)).destroy("test-over");
    const [first, second] = endpoints;
    await expect(call(first!.port, second!.authorityKey)).rejects.toMatchObject({ code: "wrong-authority" });
  });
});
