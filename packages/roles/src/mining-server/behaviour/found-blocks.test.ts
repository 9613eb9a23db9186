import { maxTarget } from "@lode/bitcoin";
import { ScriptedPool, type ScriptedPoolOptions } from "@lode/testing/pool";
import { describe, expect, it } from "vitest";

function connect(options: ScriptedPoolOptions = {}) {
  const pool = new ScriptedPool(options);
  const miner = pool.connect().setUp();
  miner.openExtended({ nominalHashRate: 0 });
  miner.takeNames();
  return { pool, miner };
}

describe("a found block", () => {
  /** On this chain every hash is a block. */
  function onEasyChain(options: ScriptedPoolOptions = {}) {
    const { pool, miner } = connect(options);
    pool.jobs.nextTip(maxTarget);
    const { jobId } = miner.take("NewExtendedMiningJob");
    miner.takeNames();
    return { pool, miner, jobId };
  }

  it("is handed over before its share is recorded, with everything a node needs", () => {
    const log: string[] = [];
    const { pool, miner, jobId } = onEasyChain({
      deps: {
        onBlock: (found) => void log.push(`block ${found.header.length} ${found.nonce}`),
        sink: { record: () => void log.push("share") },
      },
    });
    miner.submitExtended(3, { jobId });
    pool.clock.settle();
    expect(log).toEqual(["block 80 3", "share"]);
    expect(pool.count("lode_blocks_found_total")).toBe(1);
  });

  it("is handed over although its share is refused, stale ones included", () => {
    const { pool, miner, jobId } = onEasyChain();
    pool.jobs.nextTip(maxTarget);
    miner.takeNames();
    miner.submitExtended(3, { jobId });
    expect(miner.take("SubmitSharesError").errorCode).toBe("stale-share");
    expect(pool.blocks).toMatchObject([{ nonce: 3, job: { tip: { target: maxTarget } } }]);
  });

  it("that cannot be handed over is logged, and its share is still answered", () => {
    const onBlock = () => {
      throw new RangeError("disk full");
    };
    const { pool, miner, jobId } = onEasyChain({ deps: { onBlock } });
    miner.submitExtended(3, { jobId });
    pool.acknowledge();
    expect(miner.takeNames()).toEqual(["SubmitSharesSuccess"]);
    expect(pool.complaints).toEqual(["a found block could not be handed over: RangeError: disk full"]);
  });
});
