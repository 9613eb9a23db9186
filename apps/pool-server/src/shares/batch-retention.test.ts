import { createSharePartitions, listSharePartitions } from "@lode/ledger";
import { type Logger, systemClock } from "@lode/ports";
import { startTestDatabase, type TestDatabase } from "@lode/testing/database";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BatchRetention } from "./batch-retention.ts";

const DAY = 86_400_000;
const now = Date.UTC(2026, 10, 30, 12);
let database: TestDatabase;

beforeAll(async () => {
  database = await startTestDatabase();
});
afterAll(() => database.close());

/** Looks once. */
async function look(url: string): Promise<string[]> {
  const warnings: string[] = [];
  const nothing = () => {};
  const logger: Logger = {
    debug: nothing,
    info: nothing,
    warn: (_fields, message) => void warnings.push(String(message)),
    error: nothing,
  };
  const clock = { ...systemClock, now: () => now };
  const retention = new BatchRetention({ url, days: 7, clock, logger });
  retention.start();
  await retention.stop();
  return warnings;
}

describe("BatchRetention", () => {
  it("drops what is older than is kept, up to the first day with shares that are in no books", async () => {
    await createSharePartitions(database.sql, now - 12 * DAY, 15);
    await database.sql`select share_batch_commit(
      ${(now - 9 * DAY) / 3_600_000}, gen_random_uuid(), 0, 1, 1, ${Buffer.alloc(1)}, ${Buffer.alloc(32)})`;
    expect(await look(database.url)).toEqual([]);
    const names = (await listSharePartitions(database.sql)).map(({ name }) => name);
    expect(names[0]).toBe("share_batch_20261121");
    expect(names).toHaveLength(13);
    await database.sql`create or replace function share_batch_is_folded(batch_run uuid, batch_seq bigint) returns boolean
      language sql stable as 'select true'`;
    expect(await look(database.url)).toEqual([]);
    expect((await listSharePartitions(database.sql))[0]?.name).toBe("share_batch_20261123");
  });

  it("waits for the next time when the database is away", async () => {
    expect(await look("postgres://lode@127.0.0.1:1/none")).toEqual([
      "cannot drop old share batches; it is tried again in six hours",
    ]);
  });
});
