import type { Native } from "@lode/native";
import type { Logger, Metrics } from "@lode/ports";
import { version } from "./version.ts";

/** Says which native backend runs: npm hides what an install prints, so every start must. */
export function announceBackend(native: Native, logger: Logger, metrics: Metrics): void {
  metrics
    .gauge("lode_native_backend", "1 for the backend that hashes and encrypts", { backend: native.backend })
    .set(1);
  metrics
    .gauge("lode_build_info", "1 for the release and the Node that run", { version, node: process.version })
    .set(1);
  if (native.backend === "addon") logger.info({ backend: native.backend }, "native backend");
  else logger.warn({ backend: native.backend }, STAND_IN_ADVICE);
}

/** For people who run without the addon. */
export const STAND_IN_ADVICE =
  "native backend is the JavaScript stand-in: all works, but several times slower; install a C++ compiler and run `npm rebuild @lode/native`";
