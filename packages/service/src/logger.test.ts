import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CodedError, type Logger } from "@lode/ports";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type CreateLoggerOptions, createLogger } from "./logger.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lode-log-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** What a log writes while `use` runs. */
function written(use: (logger: Logger) => void, options: Partial<CreateLoggerOptions> = {}): string {
  const file = join(folder, "log");
  const fd = openSync(file, "w");
  try {
    use(createLogger({ level: "info", format: "json", fd, ...options }));
  } finally {
    closeSync(fd);
  }
  return readFileSync(file, "utf8");
}

describe("createLogger", () => {
  it("writes one JSON object a line, with ISO time and the level as a word", () => {
    const text = written((logger) => logger.warn({ conn_id: 7 }, "hello"), { base: { role: "pool" } });
    const { time, ...line } = JSON.parse(text) as { time: string };
    expect(line).toEqual({ level: "warn", role: "pool", conn_id: 7, msg: "hello" });
    expect(new Date(time).toISOString()).toBe(time);
    expect(text.endsWith("\n")).toBe(true);
  });

  it("leaves out what is below its level", () => {
    const use = (logger: Logger) => {
      logger.debug({}, "one");
      logger.info({}, "two");
      logger.error({}, "three");
    };
    expect(written(use).match(/one|two|three/g)).toEqual(["two", "three"]);
    expect(written(use, { level: "error" }).match(/one|two|three/g)).toEqual(["three"]);
  });

  it("writes an expected error with its data and its causes, and only another with its stack", () => {
    const cause = new Error("the socket broke");
    const err = new CodedError({ code: "broken", at: 5 }, "it broke", { cause });
    const line = JSON.parse(written((logger) => logger.error({ err }, "failed"))) as object;
    expect(line).toMatchObject({
      err: { type: "CodedError", code: "broken", data: { at: 5 }, message: "it broke: the socket broke" },
    });
    const bug = written((logger) => logger.error({ err: new TypeError("oops", { cause }) }, "failed"));
    expect(JSON.parse(bug)).toMatchObject({
      err: {
        type: "TypeError",
        message: "oops: the socket broke",
        stack: expect.stringMatching(/logger\.test\.ts[\s\S]*caused by: Error: the socket broke/),
      },
    });
    const refused = Object.assign(new Error("connect"), { code: "ECONNREFUSED" });
    for (const expected of [err, refused]) {
      expect(written((logger) => logger.error({ err: expected }, "failed"))).not.toContain("stack");
    }
  });

  it("writes what else was thrown, and nothing of an error but what it says", () => {
    const err = Object.assign(new TypeError("oops"), { code: "ECONNRESET", query: "select geheim" });
    const text = written((logger) => logger.error({ err }, "failed"));
    expect(JSON.parse(text)).toMatchObject({
      err: { type: "TypeError", code: "ECONNRESET", message: "oops" },
    });
    expect(text).not.toContain("geheim");
    expect(written((logger) => logger.error({ err: "a word" }, "failed"))).toContain('"err":"a word"');
  });

  it("never writes a secret", () => {
    const text = written((logger) => {
      logger.info({ password: "geheim", url: "postgres://u:geheim@h/d" }, "a");
      logger.info({ database: { url: "postgres://u:geheim@h/d", password: "geheim" } }, "b");
      logger.info({ pool: { authority_secret_key: "geheim" } }, "c");
    });
    expect(text).not.toContain("geheim");
    expect(text.split("\n")).toHaveLength(4);
  });

  it("writes a line for people where that is wanted", () => {
    const text = written((logger) => logger.info({ conn_id: 7 }, "hello"), { format: "pretty" });
    expect(text).toMatch(/^\[\d\d:\d\d:\d\d\] INFO: hello \{"conn_id":7\}\n$/);
  });
});
