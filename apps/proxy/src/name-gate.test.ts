import { VirtualClock } from "@lode/testing/clock";
import { describe, expect, it } from "vitest";
import { NameGate } from "./name-gate.ts";

function world() {
  const clock = new VirtualClock();
  const gate = new NameGate(clock);
  const asked: string[] = [];
  const enter = (identity: string, remoteAddress = "192.0.2.1") =>
    gate.enter({ identity, remoteAddress, isWaiting: true, ask: () => void asked.push(identity) });
  return { clock, gate, asked, enter };
}

describe("the gate for names", () => {
  it("lets thousands of good names through as fast as the pool answers", () => {
    const { gate, asked, enter } = world();
    for (let n = 0; n < 3_000; n++) enter(`good${n}`);
    let answered = 0;
    while (answered < asked.length) gate.onAccepted(asked[answered++]!);
    expect(answered).toBe(3_000);
  });

  it("asks about every worker of an accepted account at once", () => {
    const { gate, asked, enter } = world();
    enter("account.a");
    gate.onAccepted("account.a");
    for (let n = 0; n < 2_000; n++) enter(`account.w${n}`);
    expect(asked).toHaveLength(2_001);
  });

  it("asks about few wrong names, however many come, and has addresses take turns meanwhile", () => {
    const { clock, gate, asked, enter } = world();
    for (let second = 0; second < 600; second++) {
      for (let n = 0; n < 20; n++) enter(`bad${second}-${n}`);
      for (const name of asked.splice(0)) gate.onRefused(name, "no");
      clock.advance(1_000);
      gate.pump();
    }
    asked.length = 0;
    enter("newcomer", "198.51.100.7");
    clock.advance(6_000);
    gate.pump();
    expect(asked).toContain("newcomer");
  });

  it("remembers a refusal for a minute", () => {
    const { clock, gate, enter } = world();
    expect(enter("bad")).toBeUndefined();
    gate.onRefused("bad", "why");
    expect(enter("bad")).toBe("why");
    clock.advance(60_001);
    expect(enter("bad")).toBeUndefined();
  });
});
