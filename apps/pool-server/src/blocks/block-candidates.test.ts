import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { type BlockCandidate, candidateDirectory } from "./block-candidates.ts";

it("a candidate file that cannot be read keeps no other block from being submitted again", async () => {
  const directory = mkdtempSync(join(tmpdir(), "lode-candidates-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const store = candidateDirectory(directory);
  const candidate: BlockCandidate = {
    hash: "aa",
    height: 2,
    prevHash: "bb",
    header: "",
    coinbaseTx: "",
    block: "00",
    source: "local",
    templateId: "1",
    finder: "a.b",
    foundAt: "2026-01-01T00:00:00.000Z",
    state: "found",
    answers: [],
  };
  await store.save(candidate);
  writeFileSync(join(directory, "1-cut-off.json"), '{"hash": "cc');
  writeFileSync(join(directory, "3-empty.json"), "null");
  expect(await store.unresolved()).toEqual([candidate]);
});
