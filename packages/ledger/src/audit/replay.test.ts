import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { silentLogger } from "@lode/ports";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FoldWorld } from "../../test/fold/fold-world.ts";
import { jobOn, shareOf } from "../../test/fold/stored-shares.ts";
import { blockHash, SettleWorld } from "../../test/settle/settle-world.ts";
import { Settler } from "../settle/settler.ts";
import { AuditFiles } from "./audit-files.ts";
import { Publisher } from "./publisher.ts";
import { replayBlock } from "./replay.ts";

const HASH = "01".repeat(32);
let world: FoldWorld;
let folder: string;
let files: AuditFiles;

beforeAll(async () => {
  world = await FoldWorld.start();
  folder = mkdtempSync(join(tmpdir(), "lode-audit-"));
  files = new AuditFiles(folder);
  const books = new SettleWorld(world);
  const { sql } = world.database;
  for (let seq = 0; seq < 60; seq++) {
    const nbits = seq < 44 ? 0x207fffff : 0x2040ffff;
    const job = jobOn(seq + 1, { nbits });
    const share = (account: number, work: bigint, options = {}) =>
      shareOf(account, job, { work, creditedWork: work, ...options });
    await world.runs.store(1, seq, seq * 10, [
      share(1, 1n),
      share(seq < 46 ? 2 : 3, 1n),
      share(5, 1n, { creditedWork: 0n, job: jobOn(seq + 1, { nbits, kind: "solo" }) }),
      ...(seq === 50 ? [share(4, 1n, { blockHash: blockHash(1) })] : []),
    ]);
  }
  await (await world.open()).step(world.fence);
  await books.found(1, { tip: 51, reward: 312_345_679n });
  await books.became(1, "active");
  await new Settler({ sql, logger: silentLogger, actor: "test" }).step(world.settlerFence);
  while ((await new Publisher(sql, files).step()) > 0);
}, 60_000);

afterAll(async () => {
  rmSync(folder, { recursive: true });
  await world.database.close();
});

/** Changes a file, looks, and puts it back. */
async function changed(path: string, change: (text: string) => string): Promise<readonly string[]> {
  const before = readFileSync(path);
  const isZip = path.endsWith(".gz");
  const text = change(String(isZip ? gunzipSync(before) : before));
  writeFileSync(path, isZip ? gzipSync(text) : text);
  try {
    return (await replayBlock(files, HASH)).differences;
  } finally {
    writeFileSync(path, before);
  }
}

describe("the replay of a block", () => {
  it("computes every satoshi again from files alone", async () => {
    const replay = await replayBlock(files, HASH);
    expect(replay.differences).toEqual([]);
    // A window of two difficulties, in which account 2 stopped and account 3 began.
    expect(replay.window).toMatchObject({ newest: 49, filled: { num: 8n, den: 1n } });
    expect(replay.accounts).toBe(3);
    expect(replay.window.fullFrom).toBeLessThan(44);
    const { accounts, fee, donation, reward } = replay.block;
    const sum = accounts.reduce((total, { net }) => total + BigInt(net), BigInt(fee) + BigInt(donation));
    expect(String(sum)).toBe(reward);
  });

  it("names a satoshi that was moved, a row that was changed and a slice that was put in another's place", async () => {
    const [first] = (await files.readBlock(HASH)).accounts;
    expect(
      await changed(files.blockPath(HASH), (text) => text.replace(`"net": "${first!.net}"`, '"net": "1"')),
    ).toEqual([`${first!.script}: credited 1 sat, owed ${first!.net}`]);
    expect(
      await changed(files.slicePath(48), (text) => text.replace(/,1,"1","1"\]/, ',1,"2","2"]')),
    ).toContain("slice 48: its rows do not add up to its root");
    const other = gunzipSync(readFileSync(files.slicePath(47)));
    expect(await changed(files.slicePath(48), () => String(other))).toContain(
      "slice 47: its hash is not the one that what follows it names",
    );
  });

  it("writes again what is missing, and nothing else", async () => {
    const publisher = new Publisher(world.database.sql, files);
    expect(await publisher.step()).toBe(0);
    rmSync(files.blockPath(HASH));
    expect(await publisher.step()).toBe(1);
    expect((await replayBlock(files, HASH)).differences).toEqual([]);
  });
});
