import { addonNative, loadAddon } from "./addon.ts";
import type { FrameCipher, Native } from "./contract.ts";
import { JsFrameCipher } from "./js-cipher.ts";
import { jsNative } from "./js-native.ts";

/** A backend and what only tests may do with it. Not exported by the package. */
export interface BackendUnderTest {
  readonly name: string;
  readonly native: Native;
  /** A cipher whose nonce counter starts elsewhere, to reach the wrap. */
  cipherAt(key: Uint8Array, counter: bigint): FrameCipher;
}

/** The stand-in. */
export const js: BackendUnderTest = {
  name: "js",
  native: jsNative,
  cipherAt: (key, counter) => new JsFrameCipher(key, counter),
};

/** The addon, or why its tests are skipped. With `REQUIRE_NATIVE=1` a missing addon is an error instead. */
export const addon: BackendUnderTest | string = loadForTest();

function loadForTest(): BackendUnderTest | string {
  try {
    const binding = loadAddon();
    return {
      name: "addon",
      native: addonNative(binding),
      cipherAt: (key, counter) => new binding.CipherAt(key, counter),
    };
  } catch (error) {
    const { REQUIRE_NATIVE } = process.env;
    if (REQUIRE_NATIVE === "1") throw error;
    return (error as Error).message;
  }
}

/** One row for each backend, for `describe.skipIf(row.skipped).each`. */
export const backends = [js, addon].map((backend) =>
  typeof backend === "string"
    ? { ...js, name: `addon, skipped: ${backend}`, skipped: true }
    : { ...backend, skipped: false },
);

/** The outcome of a call as data: what it returned, or the code and text of what it threw. */
export function outcome(call: () => unknown): unknown {
  try {
    return { returned: call() };
  } catch (error) {
    const { name, code, message } = error as { name?: unknown; code?: unknown; message?: unknown };
    return { threw: name, code, message };
  }
}
