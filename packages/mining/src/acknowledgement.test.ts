import { DIFF1_WORK } from "@lode/bitcoin";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AcknowledgementAccumulator } from "./acknowledgement.ts";

describe("acknowledgements", () => {
  it("sum difficulties over a change of target and carry the remainder to the next one", () => {
    const owed = new AcknowledgementAccumulator();
    const half = DIFF1_WORK / 2n; // difficulty 1 is odd, so two halves are one short
    owed.add(1, half);
    owed.add(2, half);
    owed.add(3, 3n * DIFF1_WORK);
    expect(owed.take()).toEqual({ lastSequenceNumber: 3, newSubmitsAcceptedCount: 3, newSharesSum: 3n });
    expect(owed.pendingWork).toBe(DIFF1_WORK - 1n);
    owed.add(4, 1n);
    expect(owed.take()).toEqual({ lastSequenceNumber: 4, newSubmitsAcceptedCount: 1, newSharesSum: 1n });
    expect(owed.pendingWork).toBe(0n);
  });

  it("are nothing when nothing was accepted", () => {
    const owed = new AcknowledgementAccumulator();
    expect(owed.take()).toBeUndefined();
    owed.add(1, 5n);
    owed.take();
    expect(owed.take()).toBeUndefined();
  });

  it("say 0 while no whole difficulty has come together, and give the last sequence number received, not the highest", () => {
    const owed = new AcknowledgementAccumulator();
    owed.add(9, 2n);
    owed.add(4, 2n);
    expect(owed.take()).toEqual({ lastSequenceNumber: 4, newSubmitsAcceptedCount: 2, newSharesSum: 0n });
    expect(owed.pendingWork).toBe(4n);
  });

  it.each([
    [38, (DIFF1_WORK * 4n) / 10n, 15n],
    [1_000, DIFF1_WORK / 4096n, 0n],
    [10_000, DIFF1_WORK / 4096n, 2n],
  ])("tell of %i shares of work %i the true total, each answered alone", (shares, work, total) => {
    const owed = new AcknowledgementAccumulator();
    let told = 0n;
    for (let i = 0; i < shares; i++) {
      owed.add(i, work);
      told += owed.take()!.newSharesSum;
      expect((BigInt(i + 1) * work) / DIFF1_WORK).toBe(told);
    }
    expect(told).toBe(total);
  });

  it("never exceed a u64, and owe the rest", () => {
    const owed = new AcknowledgementAccumulator();
    owed.add(1, DIFF1_WORK << 65n);
    expect(owed.take()?.newSharesSum).toBe(2n ** 64n - 1n);
    owed.add(2, 0n);
    expect(owed.take()?.newSharesSum).toBe(2n ** 64n - 1n);
    owed.add(3, 0n);
    expect(owed.take()?.newSharesSum).toBe(2n);
  });

  it("lose no hash of work however shares and answers are mixed", () => {
    const work = fc.oneof(
      fc.constantFrom(1n, DIFF1_WORK, DIFF1_WORK * 4096n),
      fc.bigInt(1n, DIFF1_WORK * 9n),
    );
    const step = fc.option(work, { freq: 4, nil: "answer" as const });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const owed = new AcknowledgementAccumulator();
        let [accepted, counted, answered, answeredCount] = [0n, 0, 0n, 0];
        for (const each of [...steps, "answer" as const]) {
          if (each !== "answer") {
            owed.add(counted++, each);
            accepted += each;
            continue;
          }
          const answer = owed.take();
          if (answer === undefined) continue;
          answered += answer.newSharesSum;
          answeredCount += answer.newSubmitsAcceptedCount;
          expect(accepted / DIFF1_WORK).toBe(answered);
        }
        expect(answeredCount).toBe(counted);
        expect(owed.pendingWork + DIFF1_WORK * answered).toBe(accepted);
        expect(owed.pendingWork < DIFF1_WORK).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});
