import { CodedError } from "@lode/ports";
import { VirtualClock } from "@lode/testing/clock";
import { describe, expect, it } from "vitest";
import { TemplateWatch } from "./template-watch.ts";

/** A node whose answers the test gives one by one. */
class ScriptedNode {
  readonly calls: {
    method: string;
    longpollId: string | undefined;
    answer: (value: unknown) => void;
    fail: (error: Error) => void;
  }[] = [];

  call = (method: string, params: readonly unknown[] | Readonly<Record<string, unknown>> = []) =>
    new Promise<unknown>((answer, fail) => {
      const [request] = params as [{ longpollid?: string }?];
      this.calls.push({ method, longpollId: request?.longpollid, answer, fail });
    });

  /** Open calls of a kind, oldest first. */
  take(method: string, longpoll?: boolean) {
    const index = this.calls.findIndex(
      (call) =>
        call.method === method && (longpoll === undefined || (call.longpollId !== undefined) === longpoll),
    );
    const [call] = index === -1 ? [] : this.calls.splice(index, 1);
    if (call === undefined) throw new Error(`no open ${method}`);
    return call;
  }
}

const hash = (digit: number) => String(digit).repeat(64);

function template(tip: number, longpollId = `${hash(tip)}0`) {
  return {
    version: 0x20000000,
    rules: ["csv", "!segwit"],
    previousblockhash: hash(tip),
    transactions: [],
    coinbasevalue: 5_000_000_000,
    longpollid: longpollId,
    mintime: 1,
    curtime: 2,
    bits: "207fffff",
    height: tip,
  };
}

function setUp() {
  const clock = new VirtualClock();
  const node = new ScriptedNode();
  const heights: number[] = [];
  let failures = 0;
  const watch = new TemplateWatch(
    { rpc: node, clock, refreshMs: 15_000, tipPollMs: 1_000 },
    {
      onTemplate: ({ height }) => heights.push(height),
      onFailure: () => {
        failures += 1;
      },
    },
  );
  watch.start();
  return { clock, node, heights, watch, failures: () => failures };
}

describe("TemplateWatch", () => {
  it("asks once for its first template and then waits for news", async () => {
    const { clock, node, heights } = setUp();
    expect(node.calls.map(({ method }) => method)).toEqual(["getblocktemplate"]);
    node.take("getblocktemplate").answer(template(1));
    await clock.advanceAsync(0);
    expect(heights).toEqual([1]);
    expect(node.calls.map(({ longpollId }) => longpollId)).toEqual([`${hash(1)}0`]);
  });

  it("fetches at once when the best block is another than the template's", async () => {
    const { clock, node, heights } = setUp();
    node.take("getblocktemplate").answer(template(1));
    await clock.advanceAsync(1_000);
    node.take("getbestblockhash").answer(hash(2));
    await clock.advanceAsync(0);
    node.take("getblocktemplate", false).answer(template(2));
    await clock.advanceAsync(0);
    expect(heights).toEqual([1, 2]);
  });

  it("never goes back to an older tip because an answer was late", async () => {
    const { clock, node, heights, watch } = setUp();
    node.take("getblocktemplate").answer(template(1));
    await clock.advanceAsync(0);
    watch.refresh();
    const late = node.take("getblocktemplate", false);
    node.take("getblocktemplate", true).answer(template(2));
    await clock.advanceAsync(0);
    late.answer(template(1));
    await clock.advanceAsync(0);
    expect(heights).toEqual([1, 2]);
    node.take("getblocktemplate", false).answer(template(2));
    await clock.advanceAsync(0);
    expect(heights).toEqual([1, 2, 2]);
  });

  it("does not ask a node in a loop that answers long polls without news", async () => {
    const { clock, node } = setUp();
    node.take("getblocktemplate").answer(template(1));
    await clock.advanceAsync(0);
    node.take("getblocktemplate", true).answer(template(1));
    await clock.advanceAsync(500);
    expect(node.calls.filter(({ method }) => method === "getblocktemplate")).toEqual([]);
    await clock.advanceAsync(600);
    expect(node.calls.filter(({ method }) => method === "getblocktemplate")).toHaveLength(1);
  });

  it("tells failures, tries again at growing intervals, and takes the end of a long poll for no failure", async () => {
    const { clock, node, failures, heights } = setUp();
    node.take("getblocktemplate").fail(new Error("connection refused"));
    await clock.advanceAsync(300);
    expect(failures()).toBe(1);
    node.take("getblocktemplate").answer(template(1));
    await clock.advanceAsync(0);
    node.take("getblocktemplate", true).fail(new CodedError({ code: "timeout" }));
    await clock.advanceAsync(300);
    expect(failures()).toBe(1);
    node.take("getblocktemplate").answer(template(1));
    await clock.advanceAsync(0);
    expect(heights).toEqual([1, 1]);
  });

  it("leaves no timer behind when it is stopped, also in a pause", async () => {
    const { clock, node, watch } = setUp();
    node.take("getblocktemplate").fail(new Error("connection refused"));
    await clock.advanceAsync(0);
    watch.stop();
    await clock.advanceAsync(0);
    expect(clock.pendingTimers).toBe(0);
  });
});
