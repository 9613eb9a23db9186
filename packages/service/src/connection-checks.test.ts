import { DependencyError } from "@lode/ports";
import { describe, expect, it } from "vitest";
import { checkConnections } from "./connection-checks.ts";

const works = async () => "it works";
const away = async () => {
  throw new DependencyError({ code: "unreachable", temporary: true }, "it is away");
};
const wrong = async () => {
  throw new DependencyError({ code: "wrong-chain", temporary: false }, "it is another one");
};

async function check(...attempts: (() => Promise<string>)[]) {
  const lines: string[] = [];
  const keys = ["a", "long.key", "c"];
  const checks = attempts.map((attempt, index) => ({ key: keys[index] ?? "", attempt }));
  return { exitCode: await checkConnections(checks, (line) => lines.push(line)), lines };
}

describe("the check of connections", () => {
  it("says a line about each and blames the configuration before the world", async () => {
    expect(await check(works, away, wrong)).toEqual({
      exitCode: 78,
      lines: [
        "ok      a         it works",
        "FAILED  long.key  it is away",
        "FAILED  c         it is another one",
      ],
    });
  });

  it.each([
    [0, [works, works]],
    [69, [works, away]],
    [0, []],
  ])("ends with %i", async (exitCode, attempts) => {
    expect((await check(...attempts)).exitCode).toBe(exitCode);
  });
});
