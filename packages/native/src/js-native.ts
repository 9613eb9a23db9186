import { refuse, requireBytes, requireU32 } from "./arguments.ts";
import type { Native } from "./contract.ts";
import { JsFrameCipher } from "./js-cipher.ts";
import { JsJob, sha256dUnchecked } from "./js-job.ts";

/** The stand-in for machines without a compiler: Node's one-shot hash and @noble/ciphers behind the same contract. */
export const jsNative: Native = {
  backend: "js",
  sha256d(data) {
    requireBytes(data, "data");
    return new Uint8Array(sha256dUnchecked(data));
  },
  createJob: (parts) => new JsJob(parts),
  createCipher: (key) => new JsFrameCipher(key),
  sendNow(fd, data, length) {
    requireU32(fd, "fd");
    requireBytes(data, "data");
    requireU32(length, "length");
    if (length > data.length) refuse("invalid-length", "data is too short");
    return 0;
  },
  elligatorSwift: null,
};
