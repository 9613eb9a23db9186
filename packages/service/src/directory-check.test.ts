import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { directoryProblem } from "./directory-check.ts";

const directory = mkdtempSync(join(tmpdir(), "lode-directory-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe("a directory that is to be written", () => {
  it("may be there, or be one that can be made; looking makes nothing", () => {
    const deep = join(directory, "a/b/c");
    expect([directoryProblem(directory), directoryProblem(deep)]).toEqual([null, null]);
    expect(existsSync(join(directory, "a"))).toBe(false);
  });

  it("is no file, nor below one", () => {
    const file = join(directory, "file");
    writeFileSync(file, "");
    const problem = `${file} is not a directory: choose another place`;
    expect([directoryProblem(file), directoryProblem(join(file, "x/y"))]).toEqual([problem, problem]);
  });

  it("has a name", () => {
    expect(directoryProblem("")).toBe("is not set: name a directory");
  });

  it.skipIf(process.getuid?.() === 0)("can be written by this user", () => {
    const closed = mkdtempSync(join(directory, "closed-"));
    chmodSync(closed, 0o500);
    expect(directoryProblem(join(closed, "x"))).toContain(
      `${closed} cannot be written by this user (EACCES)`,
    );
  });
});
