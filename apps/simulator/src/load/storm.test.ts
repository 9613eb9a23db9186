import { VirtualClock } from "@lode/testing/clock";
import { seededRandom } from "@lode/testing/random";
import { describe, expect, it } from "vitest";
import { LoadError } from "./share-stream.ts";
import { runStorm } from "./storm.ts";

const MINERS = 4;

/** A storm whose attempts end as `outcome` says, by the attempt's number of that miner, from 1. */
function storm(outcome: (attempt: number) => Promise<void>) {
  const clock = new VirtualClock();
  const started = clock.monotonic();
  const attempts: { readonly miner: number; readonly at: number }[] = [];
  let dropped = 0;
  let abandoned = 0;
  const done = runStorm(MINERS, {
    clock,
    random: seededRandom(1),
    dropAll: () => dropped++,
    add(miner, givenUp) {
      attempts.push({ miner, at: clock.monotonic() - started });
      givenUp.addEventListener("abort", () => abandoned++);
      return outcome(attempts.filter((attempt) => attempt.miner === miner).length);
    },
  });
  return { clock, attempts, done, dropped: () => dropped, abandoned: () => abandoned };
}

const refused = () =>
  Promise.reject(new LoadError({ code: "channel-refused", reason: "pool-not-ready" }, "refused"));

describe("a storm of reconnecting miners", () => {
  it("drops all of them at once and brings each back at once", async () => {
    const { done, attempts, dropped } = storm(() => Promise.resolve());
    expect(await done).toMatchObject({ missing: 0, failures: {} });
    expect(dropped()).toBe(1);
    expect(attempts.map(({ miner, at }) => [miner, at])).toEqual([0, 1, 2, 3].map((miner) => [miner, 0]));
  });

  it("tries again after pauses that grow and differ, and counts failures by reason", async () => {
    const { done, attempts, clock } = storm((attempt) => (attempt < 4 ? refused() : Promise.resolve()));
    await clock.advanceAsync(60_000);
    const { failures, times, missing } = await done;
    expect({ failures, missing }).toEqual({
      failures: { "channel-refused: pool-not-ready": 3 * MINERS },
      missing: 0,
    });
    expect(times).toHaveLength(MINERS);
    const first = attempts.filter(({ miner }) => miner === 0).map(({ at }) => at);
    const pauses = first.slice(1).map((at, index) => at - first[index]!);
    expect(pauses.map((pause, index) => pause >= 500 * 2 ** index && pause < 1_000 * 2 ** index)).toEqual([
      true,
      true,
      true,
    ]);
    expect(new Set(attempts.filter(({ at }) => at > 0).map(({ at }) => at)).size).toBeGreaterThan(MINERS);
  });

  it("counts an attempt without an answer as failed, and gives up in the end", async () => {
    const { done, clock, attempts, abandoned } = storm(() => new Promise(() => {}));
    await clock.advanceAsync(200_000);
    const { failures, missing } = await done;
    expect(missing).toBe(MINERS);
    expect(failures).toEqual({ "no-answer": attempts.length });
    expect(abandoned()).toBe(attempts.length);
  });
});
