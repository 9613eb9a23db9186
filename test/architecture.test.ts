import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "..");

/** Rows of the tables in docs/architecture.md: folder name → what it imports. */
function documentedImports(): Map<string, Set<string>> {
  const rows = new Map<string, Set<string>>();
  for (const line of readFileSync(join(root, "docs/architecture.md"), "utf8").split("\n")) {
    const cells = line.split("|").map((cell) => cell.trim());
    const name = /^`([a-z-]+)`$/.exec(cells[1] ?? "")?.[1];
    const imports = cells[3];
    if (name === undefined || imports === undefined) continue;
    rows.set(name, new Set(imports === "–" ? [] : imports.split(", ")));
  }
  return rows;
}

interface Manifest {
  name: string;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

function manifests(kind: "packages" | "apps"): { folder: string; manifest: Manifest }[] {
  return readdirSync(join(root, kind)).map((folder) => ({
    folder,
    manifest: JSON.parse(readFileSync(join(root, kind, folder, "package.json"), "utf8")) as Manifest,
  }));
}

function workspaceNames(dependencies: Record<string, string> = {}): string[] {
  return Object.keys(dependencies)
    .filter((name) => name.startsWith("@lode/"))
    .map((name) => name.slice("@lode/".length));
}

const documented = documentedImports();
const all = [...manifests("packages"), ...manifests("apps")];

describe("the dependency graph", () => {
  it("has a row in docs/architecture.md for every workspace and no other", () => {
    expect([...documented.keys()].sort()).toEqual(all.map(({ folder }) => folder).sort());
  });

  it.each(all)("$folder declares exactly what its row names", ({ folder, manifest }) => {
    expect(manifest.name).toBe(`@lode/${folder}`);
    const named = [...(documented.get(folder) ?? [])].sort();
    expect(workspaceNames(manifest.dependencies).sort()).toEqual(named);
  });

  it.each(all)("$folder needs nothing of the workspace for development but @lode/testing", ({ manifest }) => {
    expect(workspaceNames(manifest.devDependencies).filter((name) => name !== "testing")).toEqual([]);
  });

  it("has no cycle", () => {
    const state = new Map<string, "open" | "done">();
    const visit = (name: string, path: readonly string[]): void => {
      if (state.get(name) === "done") return;
      expect(state.get(name), [...path, name].join(" → ")).toBeUndefined();
      state.set(name, "open");
      const manifest = all.find(({ folder }) => folder === name)?.manifest;
      for (const next of workspaceNames(manifest?.dependencies)) visit(next, [...path, name]);
      state.set(name, "done");
    };
    for (const { folder } of all) visit(folder, []);
  });

  it("pins every dependency to an exact version", () => {
    const loose = all.flatMap(({ manifest }) =>
      Object.entries({
        ...manifest.dependencies,
        ...manifest.devDependencies,
        ...manifest.optionalDependencies,
      }).filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)),
    );
    expect(loose).toEqual([]);
  });

  it("keeps the node clients out of the mining core", () => {
    const folder = join(root, "packages/mining/src");
    const offenders = readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .filter((name) => readFileSync(join(folder, name), "utf8").includes("@lode/bitcoin/node"));
    expect(offenders).toEqual([]);
  });
});
