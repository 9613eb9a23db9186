import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { addon, outcome } from "./backends-under-test.ts";
import type { NativeChoice } from "./load-native.ts";

/** The module afresh: its backends are chosen once. */
const load = () => import("./load-native.ts");

beforeEach(() => {
  vi.resetModules();
  vi.stubEnv("LODE_NATIVE", undefined);
});
afterEach(() => vi.unstubAllEnvs());

const withoutAddon = () => vi.stubEnv("LODE_NATIVE_PATH", "/nowhere/lode-native.node");

describe("loading a backend", () => {
  it("gives the stand-in when asked for it", async () => {
    const { loadNative, native } = await load();
    expect(loadNative("js").backend).toBe("js");
    vi.stubEnv("LODE_NATIVE", "js");
    expect(loadNative().backend).toBe("js");
    expect(native.backend).toBe("js");
  });

  it.skipIf(typeof addon === "string")("prefers the addon", async () => {
    const { loadNative, native } = await load();
    expect(loadNative("addon").backend).toBe("addon");
    expect(loadNative("addon")).toBe(loadNative("addon"));
    expect(loadNative().backend).toBe("addon");
    expect(loadNative("auto").backend).toBe("addon");
    expect(native.backend).toBe("addon");
    vi.stubEnv("LODE_NATIVE", "js");
    expect(loadNative("addon").backend).toBe("addon");
  });

  it("falls back to the stand-in only when left to choose", async () => {
    withoutAddon();
    const { loadNative, native } = await load();
    expect(loadNative().backend).toBe("js");
    expect(loadNative("auto").backend).toBe("js");
    expect(outcome(() => loadNative("addon"))).toMatchObject({
      threw: "NativeError",
      code: "unavailable",
      message: expect.stringContaining("node packages/native/scripts/build.mjs"),
    });
    vi.stubEnv("LODE_NATIVE", "addon");
    expect(outcome(() => native.backend)).toMatchObject({ code: "unavailable" });
  });

  it("tells threads which backend it is, and from which file", async () => {
    vi.stubEnv("LODE_NATIVE_PATH", undefined);
    vi.stubEnv("LODE_NATIVE", "js");
    expect((await load()).nativeEnvironment()).toEqual({ LODE_NATIVE: "js" });
    vi.resetModules();
    withoutAddon();
    vi.stubEnv("LODE_NATIVE", undefined);
    expect((await load()).nativeEnvironment()).toEqual({
      LODE_NATIVE: "js",
      LODE_NATIVE_PATH: "/nowhere/lode-native.node",
    });
  });

  it("refuses a file that is no addon as unavailable", async () => {
    vi.stubEnv("LODE_NATIVE_PATH", new URL("../package.json", import.meta.url).pathname);
    const { loadNative } = await load();
    expect(outcome(() => loadNative("addon"))).toMatchObject({ code: "unavailable" });
    expect(loadNative("auto").backend).toBe("js");
  });

  it.each([
    ["sendNow", "{ sha256dInto() {}, Job: class {}, Cipher: class {} }"],
    [
      "checkStandardShare",
      `{ sha256dInto() {}, sendNow() {}, encodeElligatorSwift() {}, decodeElligatorSwift() {},
         Job: class { checkShare() {} }, Cipher: class {} }`,
    ],
  ])("refuses an addon of another version, without %s, as unavailable", async (missing, binding) => {
    const folder = mkdtempSync(join(tmpdir(), "lode-native-"));
    const older = join(folder, "older.cjs");
    writeFileSync(older, `exports.load = () => (${binding});`);
    vi.stubEnv("LODE_NATIVE_PATH", older);
    const { loadNative } = await load();
    expect(outcome(() => loadNative("addon"))).toMatchObject({
      code: "unavailable",
      message: expect.stringContaining(`another version, without ${missing}`),
    });
    expect(loadNative("auto").backend).toBe("js");
    rmSync(folder, { recursive: true });
  });

  it("refuses an unknown name, and names where it came from", async () => {
    const { loadNative, native } = await load();
    expect(outcome(() => loadNative("wasm" as NativeChoice))).toMatchObject({
      threw: "NativeError",
      code: "invalid-argument",
      message: 'which must be addon, js or auto, not "wasm"',
    });
    vi.stubEnv("LODE_NATIVE", "adon");
    expect(outcome(() => native.backend)).toMatchObject({
      code: "invalid-argument",
      message: 'LODE_NATIVE must be addon, js or auto, not "adon"',
    });
  });

  it("hands every call of the shared object on", async () => {
    vi.stubEnv("LODE_NATIVE", "js");
    const { loadNative, native } = await load();
    const key = new Uint8Array(32);
    expect(native.sha256d(key)).toEqual(loadNative("js").sha256d(key));
    expect(outcome(() => native.createJob(null as never))).toMatchObject({ code: "invalid-argument" });
    const sealed = new Uint8Array(22);
    expect(native.createCipher(key).sealFrame(new Uint8Array(6), sealed, 0)).toBe(22);
    expect(native.sendNow(0x7fff_ffff, key, 32)).toBe(0);
  });
});
