import { CodedError } from "@lode/ports";
import { Prng } from "@lode/testing/random";
import { describe, expect, it } from "vitest";
import { decoders, nextInput, tryDecoder } from "./decoders.ts";
import { sampleFrames } from "./mutate.ts";

const INPUTS_PER_DECODER = 150;

describe("every decoder", () => {
  it.each(decoders(sampleFrames(1)).map((target) => [target.name, target] as const))(
    "reads or refuses with a typed error what is made for %s",
    (_name, target) => {
      const prng = new Prng(1);
      const crashes = Array.from({ length: INPUTS_PER_DECODER }, () =>
        tryDecoder(target, nextInput(prng, target)),
      );
      expect(crashes.filter((crash) => crash !== undefined)).toEqual([]);
    },
  );

  it("counts as broken when it throws anything but a typed error", () => {
    const input = Uint8Array.of(1, 2);
    const failing = (error: Error) =>
      tryDecoder(
        {
          name: "x",
          samples: [],
          read() {
            throw error;
          },
        },
        input,
      );
    expect(failing(new RangeError("out of bounds"))).toMatchObject({ target: "x", input });
    expect(failing(new CodedError({ code: "truncated" }))).toBeUndefined();
  });
});
