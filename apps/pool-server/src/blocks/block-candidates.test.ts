import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { type BlockCandidate, candidateDirectory } from "./block-candidates.ts";

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

function scratchStore() {
  const directory = mkdtempSync(join(tmpdir(), "lode-candidates-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return { directory, store: candidateDirectory(directory) };
}

describe("candidateDirectory", () => {
  it("gives back every candidate but those whose file cannot be read", async () => {
    const { directory, store } = scratchStore();
    await store.save(candidate);
    writeFileSync(join(directory, "1-cut-off.json"), '{"hash": "cc');
    writeFileSync(join(directory, "3-empty.json"), "null");
    expect(await store.unsettled()).toEqual([candidate]);
  });

  it("moves a settled candidate aside, also where the process ended half-way", async () => {
    const { directory, store } = scratchStore();
    await store.save(candidate);
    await store.settle({ ...candidate, state: "stale" });
    expect(readdirSync(directory)).toEqual(["settled"]);
    expect(readdirSync(join(directory, "settled"))).toEqual(["2-aa.json"]);
    await store.save(candidate);
    expect(await store.unsettled()).toEqual([]);
    expect(readdirSync(directory)).toEqual(["settled"]);
  });
});
