import { createSharePartitions, listSharePartitions } from "@lode/ledger";
import { startTestDatabase, type TestDatabase } from "@lode/testing/database";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { run } from "../run.ts";

const DAY = 86_400_000;
let database: TestDatabase;

beforeAll(async () => {
  database = await startTestDatabase();
  const now = Date.now();
  await createSharePartitions(database.sql, now - 9 * DAY, 12);
  await database.sql`select share_batch_commit(
    share_hour(now() - interval '8 days'), gen_random_uuid(), 0, 1, 1, ${Buffer.alloc(1)}, ${Buffer.alloc(32)})`;
});
afterAll(() => database.close());
afterEach(() => vi.restoreAllMocks());

async function partitions(...options: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const stdout = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  const stderr = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  const code = await run(["db", "partitions", "--url", database.url, ...options]);
  const textOf = ({ mock }: typeof stdout) => mock.calls.map(([text]) => String(text)).join("");
  const output = { code, stdout: textOf(stdout), stderr: textOf(stderr) };
  vi.restoreAllMocks();
  return output;
}

describe("lode db partitions", () => {
  it("lists the days and their sizes", async () => {
    const { code, stdout } = await partitions();
    expect(code).toBe(0);
    expect(stdout.match(/^share_batch_\d{8} +\S+T00:00Z to \S+T00:00Z {2}\d+ kB$/gm)).toHaveLength(13);
  });

  it("says what it would drop and drops nothing, then drops all but what is in no books", async () => {
    const dry = await partitions("--drop", "--dry-run");
    expect(dry.stdout).toMatch(
      /^would drop share_batch_\d{8}\nkept {7}share_batch_\d{8}\nshares .*--even-unfolded/,
    );
    expect(await listSharePartitions(database.sql)).toHaveLength(13);
    const done = await partitions("--drop");
    expect(done.stdout).toBe(dry.stdout.replace("would drop", "dropped   "));
    expect(await listSharePartitions(database.sql)).toHaveLength(12);
  });

  it("drops what an operator insists on, keeps other days, and makes what is missing", async () => {
    const { code, stdout } = await partitions("--drop", "--keep-days", "6", "--even-unfolded", "--json");
    expect(code).toBe(0);
    expect(Object.values(JSON.parse(stdout).outcomes)).toEqual(["dropped", "dropped"]);
    await database.sql`drop table ${database.sql((await listSharePartitions(database.sql)).at(-1)!.name)}`;
    expect((await partitions("--create")).stdout).toBe("created 1 partition\n");
    expect((await partitions("--drop", "--keep-days", "90")).stdout).toBe(
      "no partition is older than 90 days\n",
    );
  });

  it("says that options for dropping need --drop", async () => {
    const { code, stderr } = await partitions("--even-unfolded");
    expect(code).toBe(2);
    expect(stderr).toContain("go with --drop");
  });
});
