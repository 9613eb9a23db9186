import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startTestDatabase, type TestDatabase } from "@lode/testing/database";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openDatabase } from "./database.ts";
import { readMigrations } from "./migration-files.ts";
import { migrationStatus, newerThan, verifyMigrations } from "./migration-status.ts";
import { type MigrationProgress, migrate } from "./migrations.ts";
import { isOlderRelease } from "./release.ts";

let database: TestDatabase;
let folder: string;

beforeAll(async () => {
  database = await startTestDatabase({ migrated: false });
});
afterAll(() => database.close());

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lode-migrations-"));
});
afterEach(async () => {
  rmSync(folder, { recursive: true });
  await database.sql.unsafe("drop schema public cascade; create schema public");
});

/** Puts files into the folder of this test. */
function write(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
}

async function states(): Promise<string[]> {
  return (await migrationStatus(database.sql, folder)).map(({ file, state }) => `${file} ${state}`);
}

async function tables(): Promise<string[]> {
  const rows = await database.sql<{ name: string }[]>`
    select tablename as name from pg_tables where schemaname = 'public' and tablename <> 'lode_migration' order by 1`;
  return rows.map(({ name }) => name);
}

describe("migrate", () => {
  it("applies what is missing, lowest number first, and tells how far it is", async () => {
    write({ "0002_b.sql": "create table b as select * from a", "0001_a.sql": "create table a (x integer)" });
    const steps: MigrationProgress[] = [];
    expect(await states()).toEqual(["0001_a.sql pending", "0002_b.sql pending"]);
    expect(await migrate(database.sql, folder, { onProgress: (step) => steps.push(step) })).toEqual([
      "0001_a.sql",
      "0002_b.sql",
    ]);
    expect(steps).toEqual([
      { step: "applying", file: "0001_a.sql", index: 0, total: 2 },
      { step: "applied", file: "0001_a.sql", index: 0, total: 2, ms: expect.any(Number) },
      { step: "applying", file: "0002_b.sql", index: 1, total: 2 },
      { step: "applied", file: "0002_b.sql", index: 1, total: 2, ms: expect.any(Number) },
    ]);
    expect(await states()).toEqual(["0001_a.sql applied", "0002_b.sql applied"]);
    expect(await migrate(database.sql, folder)).toEqual([]);
  });

  it("leaves nothing of a file that fails, keeps those before it, and goes on from there", async () => {
    write({
      "0001_a.sql": "create table a (x integer)",
      "0002_b.sql": "create table b (x integer); select 1 / 0;",
    });
    await expect(migrate(database.sql, folder)).rejects.toMatchObject({
      type: { code: "failed", file: "0002_b.sql", sqlstate: "22012" },
      message: "0002_b.sql: division by zero",
    });
    expect(await tables()).toEqual(["a"]);
    write({ "0002_b.sql": "create table b (x integer)" });
    expect(await migrate(database.sql, folder)).toEqual(["0002_b.sql"]);
  });

  it("runs a file outside a transaction when its first line says so", async () => {
    write({
      "0001_a.sql": "create table a (x integer)",
      "0002_index.sql": "-- no transaction\ncreate index concurrently if not exists a_x on a (x)",
    });
    await migrate(database.sql, folder);
    const [index] = await database.sql`select indisvalid from pg_index where indexrelid = 'a_x'::regclass`;
    expect(index).toEqual({ indisvalid: true });
  });

  it("lets one process at a time migrate, also with an index that is built concurrently", async () => {
    write({
      "0001_a.sql": "create table a (x integer)",
      "0002_index.sql": "-- no transaction\ncreate index concurrently if not exists a_x on a (x)",
    });
    const others = [openDatabase(database.url), openDatabase(database.url)];
    const applied = await Promise.all([database.sql, ...others].map((sql) => migrate(sql, folder)));
    expect(applied.flat().sort()).toEqual(["0001_a.sql", "0002_index.sql"]);
    for (const sql of others) await sql.end();
  });

  it("says once that it waits for another process", async () => {
    write({ "0001_a.sql": "create table a (x integer)" });
    const other = await database.sql.reserve();
    await other`select pg_advisory_lock(5498688734482745170)`;
    const steps: string[] = [];
    const onProgress = ({ step }: MigrationProgress) => {
      if (step === "waiting") setTimeout(() => void other`select pg_advisory_unlock_all()`.execute(), 600);
      steps.push(step);
    };
    await migrate(database.sql, folder, { onProgress });
    other.release();
    expect(steps).toEqual(["waiting", "applying", "applied"]);
  });

  it("gives way soon when its tables are in use, says so once, and tries again", async () => {
    write({ "0001_a.sql": "create table a (x integer)" });
    await migrate(database.sql, folder);
    write({ "0002_b.sql": "alter table a add column y integer" });
    const other = await database.sql.reserve();
    await other`begin`;
    await other`select from a`;
    const steps: string[] = [];
    const onProgress = ({ step }: MigrationProgress) => {
      if (step === "locked") {
        // Whoever comes behind the migration is not held up by it.
        const reader = database.sql`select from a`.then(() => other`commit`);
        void reader.then(() => other.release());
      }
      steps.push(step);
    };
    await migrate(database.sql, folder, { onProgress });
    expect(steps).toEqual(["applying", "locked", "applied"]);
  });

  it("gives its lock back when it fails", async () => {
    write({ "0001_a.sql": "nonsense" });
    await expect(migrate(database.sql, folder)).rejects.toMatchObject({ type: { code: "failed" } });
    const other = openDatabase(database.url, { max: 1 });
    expect(await other`select pg_try_advisory_lock(5498688734482745170) as free`).toEqual([{ free: true }]);
    await other.end();
  });

  it("refuses a new file whose number is lower than an applied one's", async () => {
    write({ "0002_b.sql": "create table b (x integer)" });
    await migrate(database.sql, folder);
    write({ "0001_a.sql": "create table a (x integer)" });
    await expect(migrate(database.sql, folder)).rejects.toMatchObject({
      type: { code: "out-of-order", file: "0001_a.sql" },
    });
  });

  it("takes no offence at line ends", async () => {
    write({ "0001_a.sql": "create table a\n(x integer)\n" });
    await migrate(database.sql, folder);
    write({ "0001_a.sql": "create table a\r\n(x integer)\r\n" });
    expect(await states()).toEqual(["0001_a.sql applied"]);
  });
});

describe("verifyMigrations", () => {
  it("accepts a database that a newer release has migrated, and says both versions", async () => {
    write({ "0001_a.sql": "create table a (x integer)" });
    await migrate(database.sql, folder, { release: "0.1.0" });
    expect(newerThan(await verifyMigrations(database.sql, folder))).toBeNull();
    write({ "0002_b.sql": "-- b\n-- oldest release: 0.1.0\ncreate table b (x integer)" });
    await migrate(database.sql, folder, { release: "0.3.0" });
    rmSync(join(folder, "0002_b.sql"));
    expect(await states()).toEqual(["0001_a.sql applied", "0002_b.sql unknown"]);
    expect(newerThan(await verifyMigrations(database.sql, folder, "0.1.0"), "0.1.0")).toBe(
      "the database is newer than this lode: lode 0.3.0 has applied 0002_b.sql, this is lode 0.1.0 with 0001_a.sql; it goes on, as every release since 0.1.0 can",
    );
    expect(await migrate(database.sql, folder, { release: "0.1.0" })).toEqual([]);
  });

  it("refuses a database on which only newer releases can run, whether it would migrate or not", async () => {
    write({ "0001_a.sql": "create table a (x integer)" });
    await migrate(database.sql, folder, { release: "0.1.0" });
    write({ "0002_b.sql": "-- oldest release: 0.2.10\nalter table a drop column x" });
    await migrate(database.sql, folder, { release: "0.3.0" });
    rmSync(join(folder, "0002_b.sql"));
    const type = { code: "database-too-new", file: "0002_b.sql", oldestRelease: "0.2.10", release: "0.2.9" };
    const start = () => verifyMigrations(database.sql, folder, "0.2.9");
    await expect(start()).rejects.toMatchObject({ type, message: expect.stringContaining("lode 0.3.0") });
    await expect(migrate(database.sql, folder, { release: "0.2.9" })).rejects.toMatchObject({ type });
    await verifyMigrations(database.sql, folder, "0.2.10");
  });

  it("understands the table of a release that did not write versions", async () => {
    await database.sql`
      create table lode_migration (
        version integer primary key, file text not null, checksum text not null,
        applied_at timestamptz not null default now(), ms integer not null
      )`;
    await database.sql`insert into lode_migration values (9, '0009_x.sql', '', now(), 1)`;
    write({ "0010_a.sql": "create table a (x integer)" });
    expect(newerThan(await migrationStatus(database.sql, folder), "0.1.0")).toContain(
      "lode (unknown) has applied 0009_x.sql",
    );
    expect(await migrate(database.sql, folder)).toEqual(["0010_a.sql"]);
  });

  it("counts what waits, and names a file that was edited", async () => {
    write({ "0001_a.sql": "create table a (x integer)", "0002_b.sql": "create table b (x integer)" });
    await expect(verifyMigrations(database.sql, folder)).rejects.toMatchObject({
      type: { code: "pending", file: "0001_a.sql", count: 2 },
    });
    await migrate(database.sql, folder);
    write({ "0002_b.sql": "create table b (x bigint)" });
    await expect(verifyMigrations(database.sql, folder)).rejects.toMatchObject({
      type: { code: "checksum-changed", file: "0002_b.sql" },
    });
  });
});

describe("readMigrations", () => {
  it("needs a folder with migrations", async () => {
    await expect(readMigrations(folder)).rejects.toMatchObject({ type: { code: "no-migrations" } });
    await expect(readMigrations(join(folder, "none"))).rejects.toMatchObject({
      type: { code: "no-migrations" },
    });
  });

  it.each([["1_a.sql"], ["0001_A.sql"], ["0000_a.sql"], ["0001-a.sql"]])(
    "refuses the name %s",
    async (file) => {
      write({ [file]: "select 1" });
      await expect(readMigrations(folder)).rejects.toMatchObject({ type: { code: "bad-name", file } });
    },
  );

  it("reads the oldest release from the comments at the beginning, and refuses what is none", async () => {
    write({
      "0001_a.sql": "-- what it does\n-- oldest release: 1.2.3\nselect 1",
      "0002_b.sql": "select 1;\n-- oldest release: 1.2.3\n",
    });
    expect((await readMigrations(folder)).map(({ oldestRelease }) => oldestRelease)).toEqual(["1.2.3", null]);
    write({ "0001_a.sql": "-- oldest release: soon\nselect 1" });
    await expect(readMigrations(folder)).rejects.toMatchObject({ type: { code: "bad-name" } });
  });

  it.each([
    ["0.9.9", "0.10.0", true],
    ["1.0.0", "1.0.0", false],
    ["2.0.0", "1.9.9", false],
    ["1.2.2", "1.2.10-rc.1", true],
  ])("compares releases by their numbers: %s before %s is %s", (a, b, older) => {
    expect(isOlderRelease(a, b)).toBe(older);
  });

  it("refuses a number used twice and ignores what is no SQL", async () => {
    write({ "0001_a.sql": "select 1", "README.md": "x" });
    expect((await readMigrations(folder)).map(({ file }) => file)).toEqual(["0001_a.sql"]);
    write({ "0001_b.sql": "select 1" });
    await expect(readMigrations(folder)).rejects.toMatchObject({
      type: { code: "bad-name", file: "0001_b.sql" },
    });
  });
});
