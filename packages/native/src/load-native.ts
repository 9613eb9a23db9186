import { addonNative, loadAddon } from "./addon.ts";
import type { Native } from "./contract.ts";
import { jsNative } from "./js-native.ts";
import { NativeError } from "./native-error.ts";

/** Which backend to load; `auto` takes the addon where it loads and the stand-in elsewhere. */
export type NativeChoice = "addon" | "js" | "auto";

let addon: Native | undefined;

/**
 * Loads a backend. Without an argument the environment variable `LODE_NATIVE` (`addon` or `js`) decides, else `auto`.
 *
 * @throws {NativeError} `unavailable` if the addon is asked for and cannot be loaded (the message says how to build it),
 * `invalid-argument` for any other name
 */
export function loadNative(which?: NativeChoice): Native {
  const { LODE_NATIVE } = process.env;
  const choice = which ?? (LODE_NATIVE || "auto");
  if (choice === "addon") return requireAddon();
  if (choice === "js") return jsNative;
  if (choice === "auto") {
    try {
      return requireAddon();
    } catch {
      return jsNative;
    }
  }
  const name = which === undefined ? "LODE_NATIVE" : "which";
  throw new NativeError(
    { code: "invalid-argument" },
    `${name} must be addon, js or auto, not ${JSON.stringify(choice)}`,
  );
}

function requireAddon(): Native {
  addon ??= addonNative(loadAddon());
  return addon;
}

let chosen: Native | undefined;

function choose(): Native {
  chosen ??= loadNative();
  return chosen;
}

/** What a thread's environment needs so that it loads the backend of this process, from the same file. */
export function nativeEnvironment(): Record<string, string> {
  const { LODE_NATIVE_PATH } = process.env;
  return { LODE_NATIVE: choose().backend, ...(LODE_NATIVE_PATH && { LODE_NATIVE_PATH }) };
}

/** The process's backend, chosen by {@link loadNative} when it is first used; so that is where it may throw. */
export const native: Native = {
  get backend() {
    return choose().backend;
  },
  sha256d: (data) => choose().sha256d(data),
  createJob: (parts) => choose().createJob(parts),
  createCipher: (key) => choose().createCipher(key),
  sendNow: (fd, data, length) => choose().sendNow(fd, data, length),
  get elligatorSwift() {
    return choose().elligatorSwift;
  },
};
