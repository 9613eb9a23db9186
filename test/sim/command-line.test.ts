import { describe, expect, it } from "vitest";
import { help, parseCommandLine, UsageError } from "./command-line.ts";
import { plantedBugs } from "./planted-bugs.ts";

const noSeed = () => {
  throw new Error("a seed was given");
};

describe("the simulation's command line", () => {
  it("runs one fresh seed for 300 steps when nothing is said", () => {
    expect(parseCommandLine([], () => 77)).toEqual({
      seed: 77,
      seeds: 1,
      steps: 300,
      bug: null,
      json: false,
      trace: false,
    });
  });

  it("takes seeds, steps, a planted bug and the form of the output", () => {
    const text = "--seed 9007199254740991 --seeds 1000 --steps 5 --bug no-bound --json --trace";
    expect(parseCommandLine(text.split(" "), noSeed)).toEqual({
      seed: Number.MAX_SAFE_INTEGER,
      seeds: 1_000,
      steps: 5,
      bug: "no-bound",
      json: true,
      trace: true,
    });
  });

  it.each(["--seed x", "--seed -1", "--seed 1.5", "--steps 0", "--seeds 0", "--bug none", "--what", "word"])(
    "refuses %s",
    (text) => {
      expect(() => parseCommandLine(text.split(" "), () => 1)).toThrow(UsageError);
    },
  );

  it("names every option and every bug in its help", () => {
    expect(parseCommandLine(["--help"], noSeed)).toBeNull();
    for (const word of [
      "--seed",
      "--seeds",
      "--steps",
      "--json",
      "--trace",
      "--bug",
      ...Object.keys(plantedBugs),
    ]) {
      expect(help).toContain(word);
    }
  });
});
