import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { makeDirectory } from "./make-directory.ts";

it("makes a directory and what is missing above it, again and again, and says where a file is in the way", () => {
  const root = mkdtempSync(join(tmpdir(), "lode-directory-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const path = join(root, "a", "b", "c");
  makeDirectory(path);
  makeDirectory(path);
  expect(statSync(path).isDirectory()).toBe(true);
  writeFileSync(join(root, "file"), "");
  expect(() => makeDirectory(join(root, "file", "b"))).toThrow(/ENOTDIR/);
});
