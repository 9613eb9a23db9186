import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import type { AddonBinding } from "./addon-binding.ts";
import { computesRightly } from "./addon-self-test.ts";
import { requireObject } from "./arguments.ts";
import type { Native, NativeErrorCode, NativeJob } from "./contract.ts";
import { NativeError } from "./native-error.ts";

/** What the addon exports: a function that binds it to a way of making errors. */
interface AddonModule {
  load(makeError: (code: NativeErrorCode, message: string) => Error): AddonBinding;
}

/** The addon's file: `LODE_NATIVE_PATH`, else where `scripts/build.mjs` puts it, seen alike from `src` and `dist`. */
export function addonPath(): string {
  const { LODE_NATIVE_PATH } = process.env;
  return LODE_NATIVE_PATH || fileURLToPath(new URL("../build/lode-native.node", import.meta.url));
}

/** What the code calls; an addon that was built from older sources lacks some of it. */
const needed = [
  "sha256dInto",
  "sendNow",
  "encodeElligatorSwift",
  "decodeElligatorSwift",
  "Job",
  "Cipher",
] as const satisfies (keyof AddonBinding)[];
/** As {@link needed}, of a job's methods. */
const neededOfJobs = ["checkStandardShare"] as const satisfies (keyof NativeJob)[];

/** Loads the addon. Throws {@link NativeError} `unavailable`, which says how to build it. */
export function loadAddon(): AddonBinding {
  try {
    const module: AddonModule = createRequire(import.meta.url)(addonPath());
    const binding = module.load((code, message) => new NativeError({ code }, message));
    const missing = missingFrom(binding);
    if (missing !== undefined) throw new Error(`it is of another version, without ${missing}`);
    if (!computesRightly(binding)) throw new Error("it computes wrongly under this Node");
    return binding;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split("\n", 1)[0] : String(cause);
    throw new NativeError(
      { code: "unavailable" },
      `the native addon cannot be loaded (${reason}); build it with: node packages/native/scripts/build.mjs`,
      { cause },
    );
  }
}

function missingFrom(binding: AddonBinding): string | undefined {
  const missing = needed.find((name) => typeof binding[name] !== "function");
  if (missing !== undefined) return missing;
  const { prototype }: { prototype: NativeJob } = binding.Job;
  return neededOfJobs.find((name) => typeof prototype[name] !== "function");
}

/** Puts a loaded addon behind the contract. */
export function addonNative(binding: AddonBinding): Native {
  const { sha256dInto, sendNow, encodeElligatorSwift, decodeElligatorSwift, Job, Cipher } = binding;
  const hash = new Uint8Array(32);
  return {
    backend: "addon",
    sha256d(data) {
      sha256dInto(data, hash);
      return new Uint8Array(hash);
    },
    createJob(parts) {
      requireObject(parts, "parts");
      return new Job(
        parts.coinbaseTxPrefix,
        parts.coinbaseTxSuffix,
        parts.merklePath,
        parts.prevHash,
        parts.nbits,
      );
    },
    createCipher: (key) => new Cipher(key),
    sendNow,
    elligatorSwift: { encode: encodeElligatorSwift, decode: decodeElligatorSwift },
  };
}
