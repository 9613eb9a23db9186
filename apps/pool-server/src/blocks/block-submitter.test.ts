import { assembleBlock, internalToDisplay, sha256d } from "@lode/bitcoin";
import type { FoundBlock } from "@lode/mining";
import { noMetrics, silentLogger } from "@lode/ports";
import { VirtualClock } from "@lode/testing/clock";
import { describe, expect, it } from "vitest";
import type { Solution, TemplateTransactions } from "../templates/template-feed.ts";
import type { BlockCandidate, CandidateStore } from "./block-candidates.ts";
import type { BlockNode } from "./block-node.ts";
import { BlockSubmitter } from "./block-submitter.ts";

/** Genesis: a real header and coinbase (without witness), so that the assembled block is a real one. */
const HEADER = Buffer.from(
  "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c",
  "hex",
);
const COINBASE = Buffer.from(
  "01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff4d04ffff001d0104455468652054696d65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e206272696e6b206f66207365636f6e64206261696c6f757420666f722062616e6b73ffffffff0100f2052a01000000434104678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5fac00000000",
  "hex",
);
const HASH = sha256d(HEADER);

function foundBlock(): FoundBlock {
  const template = {
    height: 200_000,
    sourceId: "main",
    templateId: 7n,
    coinbasePrefix: Uint8Array.of(0x03, 0x40, 0x0d, 0x03),
  };
  return {
    job: { template, tip: { prevHash: new Uint8Array(32) } } as unknown as FoundBlock["job"],
    header: HEADER,
    hash: HASH,
    coinbaseTx: COINBASE,
    version: 1,
    ntime: 1231006505,
    nonce: 2083236893,
    facts: { kind: "pool" } as unknown as FoundBlock["facts"],
    connectionId: 1,
    channelId: 2,
    identity: { payoutScript: new Uint8Array(), address: "addr", worker: "w" },
    foundAt: 1_700_000_000_000,
  };
}

/** A node that answers what it is told to, then "duplicate". */
function scriptedNode(
  name: string,
  answers: (string | null | Error)[],
  lookups: (number | undefined | Error)[] = [],
): BlockNode & { blocks: string[] } {
  const blocks: string[] = [];
  return {
    name,
    blocks,
    async submitBlock(block) {
      blocks.push(block);
      const answer = answers.length === 0 ? "duplicate" : answers.shift();
      if (answer instanceof Error) throw answer;
      return answer ?? null;
    },
    async confirmations() {
      const answer = lookups.length === 0 ? 1 : lookups.shift();
      if (answer instanceof Error) throw answer;
      return answer;
    },
    syncedHeight: async () => 200_000,
  };
}

class MemoryCandidates implements CandidateStore {
  readonly saved = new Map<string, BlockCandidate>();
  readonly states: string[] = [];
  async save(candidate: BlockCandidate) {
    this.saved.set(candidate.hash, candidate);
    this.states.push(candidate.state);
  }
  readonly settledHashes = new Set<string>();
  async settle(candidate: BlockCandidate) {
    await this.save(candidate);
    this.settledHashes.add(candidate.hash);
  }
  async settled() {
    return [];
  }
  async unsettled() {
    return [...this.saved.values()].filter(({ hash }) => !this.settledHashes.has(hash));
  }
}

function setUp(nodes: BlockNode[], transactions?: TemplateTransactions, candidates = new MemoryCandidates()) {
  const clock = new VirtualClock();
  const solutions: { sourceId: string; solution: Solution }[] = [];
  const accepted: string[] = [];
  const errors: string[] = [];
  const submitter = new BlockSubmitter({
    feed: {
      submitSolution: (sourceId, solution) => solutions.push({ sourceId, solution }),
      transactions: () => transactions ?? { ready: [], later: Promise.resolve([]) },
    },
    nodes,
    candidates,
    clock,
    logger: { ...silentLogger, error: (_fields, text) => void errors.push(text) },
    metrics: noMetrics,
    onAccepted: ({ hash }) => accepted.push(hash),
  });
  return { clock, submitter, solutions, candidates, accepted, errors };
}

/** The genesis coinbase commits to no witnesses, so it goes out stripped (BIP141: unexpected-witness). */
const BLOCK = Buffer.from(assembleBlock(HEADER, COINBASE, [])).toString("hex");
const DISPLAY = internalToDisplay(HASH);

describe("BlockSubmitter", () => {
  it("starts the file, SubmitSolution and every node's submitblock together", () => {
    const nodes = [scriptedNode("a", []), scriptedNode("b", [])];
    const { submitter, solutions } = setUp(nodes);
    submitter.submit(foundBlock());
    expect(nodes.map(({ blocks }) => blocks)).toEqual([[BLOCK], [BLOCK]]);
    expect(solutions).toEqual([
      {
        sourceId: "main",
        solution: {
          templateId: 7n,
          version: 1,
          headerTimestamp: 1231006505,
          headerNonce: 2083236893,
          coinbaseTx: COINBASE,
        },
      },
    ]);
  });

  it("counts a block once, whichever path says first that it was taken", async () => {
    const { submitter, clock, candidates, accepted } = setUp([
      scriptedNode("a", [null]),
      scriptedNode("b", []),
    ]);
    submitter.submit(foundBlock());
    await clock.advanceAsync(0);
    submitter.observeTip(HASH);
    await submitter.settled();
    expect(submitter.acceptedCount).toBe(1);
    expect(accepted).toEqual([DISPLAY]);
    expect(candidates.saved.get(DISPLAY)).toMatchObject({
      state: "accepted",
      height: 200_000,
      block: BLOCK,
      answers: ["a: ok", "b: duplicate"],
    });
  });

  it("repeats the same bytes until a node answers", async () => {
    const node = scriptedNode("a", [
      new Error("ECONNRESET"),
      new Error("timeout"),
      "prev-blk-not-found",
      null,
    ]);
    const { submitter, clock } = setUp([node]);
    submitter.submit(foundBlock());
    await clock.advanceAsync(60_000);
    expect(node.blocks).toEqual([BLOCK, BLOCK, BLOCK, BLOCK]);
    expect(submitter.acceptedCount).toBe(1);
    submitter.stop();
    expect(clock.pendingTimers).toBe(0);
  });

  it("calls a block rejected only when every node refused it", async () => {
    const { submitter, clock, candidates } = setUp([
      scriptedNode("a", ["bad-cb-amount"]),
      scriptedNode("b", [null]),
    ]);
    submitter.submit(foundBlock());
    await clock.advanceAsync(0);
    expect(submitter.acceptedCount).toBe(1);
    expect(candidates.saved.get(DISPLAY)?.state).toBe("accepted");
    const other = setUp([scriptedNode("a", ["high-hash"])]);
    other.submitter.submit(foundBlock());
    await other.clock.advanceAsync(0);
    await other.submitter.settled();
    expect(other.candidates.saved.get(DISPLAY)?.state).toBe("rejected");
  });

  it("takes the tip becoming ours for success, also after an inconclusive answer", async () => {
    const { submitter, clock, candidates, accepted } = setUp([scriptedNode("a", ["inconclusive"])]);
    submitter.submit(foundBlock());
    await clock.advanceAsync(0);
    expect(accepted).toEqual([]);
    submitter.observeTip(HASH);
    await submitter.settled();
    expect(accepted).toEqual([DISPLAY]);
    expect(candidates.states.at(-1)).toBe("accepted");
  });

  it("keeps a block accepted, and counts it once, when a slower node finds it inconclusive", async () => {
    const nodes = [scriptedNode("a", [null]), scriptedNode("b", [new Error("ECONNRESET"), "inconclusive"])];
    const { submitter, clock, candidates, accepted } = setUp(nodes);
    submitter.submit(foundBlock());
    await clock.advanceAsync(60_000);
    expect(candidates.saved.get(DISPLAY)?.answers).toEqual(["a: ok", "b: inconclusive"]);
    submitter.observeTip(HASH);
    await submitter.settled();
    expect(accepted).toEqual([DISPLAY]);
    expect(candidates.saved.get(DISPLAY)?.state).toBe("accepted");
    expect(candidates.saved.get(DISPLAY)?.state).toBe("accepted");
  });

  it("submits the whole block as soon as the template's transactions are here", async () => {
    const node = scriptedNode("a", [null]);
    const transaction = Uint8Array.of(1, 2, 3);
    let deliver: (list: Uint8Array[]) => void = () => {};
    const later = new Promise<Uint8Array[]>((resolve) => {
      deliver = resolve;
    });
    const { submitter, clock, solutions } = setUp([node], { ready: null, later });
    submitter.submit(foundBlock());
    await clock.advanceAsync(1_000);
    expect(solutions).toHaveLength(1);
    expect(node.blocks).toEqual([]);
    deliver([transaction]);
    await clock.advanceAsync(0);
    expect(node.blocks).toEqual([
      Buffer.from(assembleBlock(HEADER, COINBASE, [transaction])).toString("hex"),
    ]);
  });

  it("goes through the source alone when the transactions are not to be had", async () => {
    const node = scriptedNode("a", []);
    const later = Promise.reject(new Error("gone"));
    const { submitter, clock, solutions, candidates } = setUp([node], { ready: null, later });
    submitter.submit(foundBlock());
    await clock.advanceAsync(0);
    expect(solutions).toHaveLength(1);
    expect(node.blocks).toEqual([]);
    expect(candidates.saved.get(DISPLAY)?.block).toBeNull();
  });

  it("calls it an error when a solution alone changes no tip within seconds, and only then", async () => {
    const silent = setUp([]);
    silent.submitter.submit(foundBlock());
    await silent.clock.advanceAsync(9_000);
    expect(silent.errors).toEqual([]);
    await silent.clock.advanceAsync(60_000);
    expect(silent.errors).toEqual([
      expect.stringMatching(/^a block handed to its template source has changed no tip/),
    ]);
    const heard = setUp([]);
    heard.submitter.submit(foundBlock());
    await heard.clock.advanceAsync(2_000);
    heard.submitter.observeTip(HASH);
    await heard.clock.advanceAsync(60_000);
    expect(heard.errors).toEqual([]);
  });

  it("says once that a node is away, then counts", async () => {
    const away = scriptedNode(
      "a",
      Array.from({ length: 99 }, () => new Error("ECONNREFUSED")),
    );
    const { clock, submitter, errors } = setUp([away]);
    submitter.submit(foundBlock());
    await clock.advanceAsync(90_000);
    expect(errors.filter((line) => line.startsWith("node a: submitblock has no answer"))).toHaveLength(2);
    submitter.stop();
  });

  it("does not take a block for accepted that a node knows from a branch that lost", async () => {
    const node = scriptedNode("a", ["duplicate"], [-1]);
    const { submitter, clock, candidates, accepted } = setUp([node]);
    submitter.submit(foundBlock());
    await clock.advanceAsync(10_000);
    expect(accepted).toEqual([]);
    expect(candidates.saved.get(DISPLAY)?.state).toBe("submitted");
    submitter.observeTip(HASH);
    expect(accepted).toEqual([DISPLAY]);
  });

  it("asks again where the block is when the node does not answer that", async () => {
    const node = scriptedNode("a", [], [new Error("timeout"), 1]);
    const { submitter, clock, accepted } = setUp([node]);
    submitter.submit(foundBlock());
    await clock.advanceAsync(10_000);
    expect(accepted).toEqual([DISPLAY]);
    expect(node.blocks).toHaveLength(2);
  });

  it("is quiet when the nodes have answered, so that leaving does not cut a block off", async () => {
    let answer: (value: null) => void = () => {};
    const node: BlockNode = {
      name: "a",
      confirmations: () => Promise.reject(new Error("not asked")),
      syncedHeight: () => Promise.reject(new Error("not asked")),
      submitBlock: () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
    };
    const { submitter, clock } = setUp([node]);
    await submitter.quiet();
    submitter.submit(foundBlock());
    let quiet = false;
    void submitter.quiet().then(() => {
      quiet = true;
    });
    await clock.advanceAsync(5_000);
    expect(quiet).toBe(false);
    answer(null);
    await clock.advanceAsync(0);
    expect(quiet).toBe(true);
  });

  it("submits again after a restart what the process before left open", async () => {
    const candidates = new MemoryCandidates();
    const before = setUp([scriptedNode("a", [new Error("node is down")])], undefined, candidates);
    before.submitter.submit(foundBlock());
    await before.clock.advanceAsync(0);
    before.submitter.stop();
    const node = scriptedNode("a", [null]);
    const after = setUp([node], undefined, candidates);
    await after.submitter.resume();
    await after.clock.advanceAsync(0);
    expect(node.blocks).toEqual([BLOCK]);
    expect(after.accepted).toEqual([DISPLAY]);
    expect(candidates.saved.get(DISPLAY)?.state).toBe("accepted");
  });

  it.each([
    ["accepted", [null], 6],
    ["orphaned", [null], -1],
    ["stale", ["inconclusive"], undefined],
  ] as const)(
    "sets a block aside as %s when the nodes agree and it is deep enough",
    async (state, answers, now) => {
      const node = { ...scriptedNode("a", [...answers]), syncedHeight: async () => 200_006 };
      const hashes: string[] = [];
      node.confirmations = async (hash) => {
        hashes.push(hash);
        // The block before it lies seven deep: six on top of ours, or in its place.
        return hash === DISPLAY ? now : 7;
      };
      const { submitter, clock, candidates } = setUp([node]);
      submitter.submit(foundBlock());
      await clock.advanceAsync(0);
      expect(candidates.settledHashes.size).toBe(0);
      submitter.observeTip(new Uint8Array(32).fill(9));
      await clock.advanceAsync(1_000);
      await submitter.settled();
      expect(hashes[0]).toBe(DISPLAY);
      expect(candidates.saved.get(DISPLAY)?.state).toBe(state);
      expect([...candidates.settledHashes]).toEqual([DISPLAY]);
      expect(clock.pendingTimers).toBe(0);
      const after = setUp([scriptedNode("a", [])], undefined, candidates);
      await after.submitter.resume();
      expect(after.submitter.acceptedCount).toBe(0);
    },
  );

  it("calls nothing settled while nodes disagree, lag behind, or do not know a header", async () => {
    const ask = (block: number | undefined, previous: number | undefined, height: number | null) => ({
      ...scriptedNode("n", ["inconclusive"]),
      confirmations: async (hash: string) => (hash === DISPLAY ? block : previous),
      syncedHeight: async () => height,
    });
    for (const nodes of [
      [ask(7, 8, 200_006), ask(-1, 8, 200_006)],
      [ask(7, 8, 200_006), ask(7, 8, 200_001)],
      [ask(7, 8, 200_006), ask(7, 8, null)],
      [ask(undefined, undefined, 200_006)],
      [ask(undefined, 6, 200_005)],
    ]) {
      const { submitter, clock, candidates } = setUp(nodes);
      submitter.submit(foundBlock());
      await clock.advanceAsync(200_000);
      submitter.stop();
      expect([...candidates.settledHashes]).toEqual([]);
      expect(candidates.saved.get(DISPLAY)?.state).toBe("submitted");
    }
  });
});
