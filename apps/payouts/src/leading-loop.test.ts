import { Leadership } from "@lode/ledger/journal";
import { noMetrics, silentLogger, systemClock } from "@lode/ports";
import { startTestDatabase, type TestDatabase } from "@lode/testing/database";
import { afterAll, beforeAll, expect, it } from "vitest";
import { LeadingLoop } from "./leading-loop.ts";

let database: TestDatabase;

beforeAll(async () => {
  database = await startTestDatabase();
});
afterAll(() => database.close());

/** A loop of the settler's role that tells each of its rounds. */
function loopOf(holder: string, step: () => Promise<unknown>): LeadingLoop {
  const deps = { sql: database.sql, clock: systemClock, role: "settler", holder } as const;
  return new LeadingLoop({
    role: "settler",
    leadership: new Leadership(deps),
    clock: systemClock,
    logger: silentLogger,
    metrics: noMetrics,
    step,
    everyMs: 1,
  });
}

it("works in one process at a time, passes on at once when it stops, and survives rounds that fail", async () => {
  const rounds: string[] = [];
  let tell = () => {};
  const until = (count: number) =>
    new Promise<void>((resolve) => {
      tell = () => {
        if (rounds.length >= count) resolve();
      };
    });
  const loops = ["first", "second"].map((holder) =>
    loopOf(holder, async () => {
      rounds.push(holder);
      tell();
      if (rounds.length === 2) throw new Error("no luck");
    }),
  );
  loops[0]!.start();
  await until(4);
  loops[1]!.start();
  await until(8);
  expect(new Set(rounds)).toEqual(new Set(["first"]));
  expect(loops[0]!.failure).toBeNull();
  await loops[0]!.stop();
  const before = rounds.length;
  await until(before + 1);
  expect(rounds.at(-1)).toBe("second");
  await loops[1]!.stop();
});
