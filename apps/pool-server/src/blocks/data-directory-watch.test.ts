import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Logger, noMetrics, silentLogger, systemClock } from "@lode/ports";
import { VirtualClock } from "@lode/testing/clock";
import { describe, expect, it, onTestFinished } from "vitest";
import { DataDirectoryWatch } from "./data-directory-watch.ts";

function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), "lode-data-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

describe("DataDirectoryWatch", () => {
  it("makes the directory and leaves nothing in it", async () => {
    const directory = join(scratch(), "new", "blocks");
    const watch = new DataDirectoryWatch({
      directory,
      clock: systemClock,
      logger: silentLogger,
      metrics: noMetrics,
    });
    await watch.start();
    watch.stop();
    expect(readdirSync(directory)).toEqual([]);
  });

  it("refuses to start, in a sentence, where files cannot be written or the disk is full", async () => {
    const directory = scratch();
    writeFileSync(join(directory, "file"), "");
    const deps = { clock: systemClock, logger: silentLogger, metrics: noMetrics };
    const blocked = new DataDirectoryWatch({ ...deps, directory: join(directory, "file", "blocks") });
    await expect(blocked.start()).rejects.toMatchObject({
      message: expect.stringMatching(/^cannot keep found blocks in .*\(pool\.data_dir\): not a directory/),
      type: { code: "exit", exitCode: 69 },
    });
    const full = new DataDirectoryWatch({ ...deps, directory, freeBytes: async () => 3_000_000 });
    await expect(full.start()).rejects.toThrow(/3 MB are free, and 68 MB are needed; make room/);
  });

  it("is not writable from a failed look to the next good one, and says each once", async () => {
    const clock = new VirtualClock();
    const lines: string[] = [];
    const say = (_fields: object, text: string) => void lines.push(text);
    const logger: Logger = { ...silentLogger, info: say, error: say };
    let free = 1e9;
    let looks = 0;
    const watch = new DataDirectoryWatch({
      directory: scratch(),
      clock,
      logger,
      metrics: noMetrics,
      freeBytes: async () => {
        looks++;
        return free;
      },
    });
    await watch.start();
    for (const [bytes, isWritable] of [
      [0, false],
      [0, false],
      [1e9, true],
    ] as const) {
      free = bytes;
      const before = looks;
      clock.advance(30_000);
      await expect.poll(() => looks).toBe(before + 1);
      await expect.poll(() => watch.isWritable).toBe(isWritable);
    }
    watch.stop();
    expect(lines).toEqual([
      "a found block could not be kept as a file now",
      "found blocks can be kept as files again",
    ]);
  });
});
