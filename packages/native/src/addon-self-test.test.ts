import { describe, expect, it } from "vitest";
import { loadAddon } from "./addon.ts";
import type { AddonBinding } from "./addon-binding.ts";
import { computesRightly } from "./addon-self-test.ts";
import { NativeError } from "./native-error.ts";

function addon(): AddonBinding | undefined {
  try {
    return loadAddon();
  } catch (error) {
    if (error instanceof NativeError) return undefined;
    throw error;
  }
}

const binding = addon();

describe.skipIf(binding === undefined)("an addon that was loaded (skipped: none is built here)", () => {
  it("computes rightly, or would not have been", () => {
    expect(computesRightly(binding!)).toBe(true);
  });

  it("is not used where its hash is another", () => {
    const sha256dInto = (_data: Uint8Array, hash: Uint8Array) => void hash.fill(1);
    expect(computesRightly({ sha256dInto, Cipher: binding!.Cipher })).toBe(false);
  });

  it("is not used where its cipher is another", () => {
    class Plain {
      sealFrame(frame: Uint8Array, out: Uint8Array, offset: number): number {
        out.set(frame, offset);
        return 22;
      }
      free(): void {}
    }
    const Cipher = Plain as unknown as AddonBinding["Cipher"];
    expect(computesRightly({ sha256dInto: binding!.sha256dInto, Cipher })).toBe(false);
  });
});
