import { modelRuns, modelTimeout } from "@lode/testing/model-runs";
import fc from "fast-check";
import { describe, it } from "vitest";
import { begin, endpointCommands } from "./commands.ts";

describe("the mining endpoint", () => {
  it(
    "behaves as a naive model of connections, channels, groups, jobs, targets and prefixes does",
    () => {
      fc.assert(
        fc.property(endpointCommands, (commands) => fc.modelRun(begin, commands)),
        modelRuns(60),
      );
    },
    modelTimeout(),
  );
});
