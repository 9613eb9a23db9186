import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { addon } from "./backends-under-test.ts";

const packageFolder = fileURLToPath(new URL("..", import.meta.url));
let copy: string;

beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), "lode-native-"));
  for (const folder of ["addon", "scripts"]) {
    cpSync(join(packageFolder, folder), join(copy, folder), { recursive: true });
  }
});
afterAll(() => rmSync(copy, { recursive: true, force: true }));

function build(environment: Record<string, string> = {}) {
  const { PATH = "" } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(copy, "scripts", "build.mjs")], {
    env: { PATH, ...environment },
    encoding: "utf8",
  });
  return { status, output: stdout + stderr };
}

/** Where a Node that can build keeps its headers; one fetched by npx has none. */
const headers = join(dirname(dirname(process.execPath)), "include", "node", "node_api.h");
const built = () => join(copy, "build", "lode-native.node");

describe("the build script", () => {
  it("warns and succeeds where there is no compiler", () => {
    const { status, output } = build({ PATH: "/nowhere" });
    expect(output).toContain("the native addon was not built (no C++ compiler found)");
    expect(output).toContain("stand-in");
    expect(status).toBe(0);
    expect(existsSync(built())).toBe(false);
  });

  it("fails where there is no compiler and the addon is required", () => {
    const { status, output } = build({ CXX: "/nowhere/c++", REQUIRE_NATIVE: "1" });
    expect(output).toContain("the compiler /nowhere/c++ does not run");
    expect(output).toContain("REQUIRE_NATIVE=1");
    expect(status).toBe(1);
  });

  it.skipIf(typeof addon === "string" || !existsSync(headers))(
    "builds once, builds again for changed sources, and leaves nothing stale behind",
    () => {
      expect(build()).toEqual({ status: 0, output: "" });
      const { mtimeMs } = statSync(built());
      expect(build()).toEqual({ status: 0, output: "" });
      expect(statSync(built()).mtimeMs).toBe(mtimeMs);

      writeFileSync(join(copy, "addon", "job.h"), "#error broken on purpose\n");
      const { status, output } = build();
      expect(output).toContain("broken on purpose");
      expect(status).toBe(0);
      expect(existsSync(built())).toBe(false);
    },
    60_000,
  );
});
