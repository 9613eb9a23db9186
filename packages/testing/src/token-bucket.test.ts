import { TokenBucket } from "@lode/ports";
import { expect, it } from "vitest";

const rate = { burst: 3, perSecond: 2 };

it("a bucket has its burst at once, and what was spent comes back with time, up to the burst", () => {
  const bucket = new TokenBucket(0);
  const take = (now: number) =>
    Array.from({ length: 5 }, () => bucket.take(rate, now)).filter(Boolean).length;
  expect([take(0), take(400), take(500), take(1_500), take(100_000)]).toEqual([3, 0, 1, 2, 3]);
});

it("spending more than is there is told, and makes the way back longer; taking what is not there changes nothing", () => {
  const bucket = new TokenBucket(0);
  expect(Array.from({ length: 5 }, () => bucket.spend(rate, 0))).toEqual([true, true, true, false, false]);
  expect([bucket.take(rate, 1_000), bucket.take(rate, 1_500)]).toEqual([false, true]);
  bucket.giveBack();
  expect(bucket.take(rate, 1_500)).toBe(true);
});

it("a rate may grow from call to call", () => {
  const bucket = new TokenBucket(0);
  for (let i = 0; i < 3; i++) bucket.spend(rate, 0);
  expect([bucket.take(rate, 0), bucket.take({ ...rate, burst: 4 }, 0)]).toEqual([false, true]);
});
