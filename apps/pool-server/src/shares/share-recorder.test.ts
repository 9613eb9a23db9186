import {
  type CommitContext,
  LedgerError,
  openShareBatch,
  type ShareBatch,
  type ShareStore,
} from "@lode/ledger";
import type { AcceptedShare, JobFacts } from "@lode/mining";
import { noMetrics, silentLogger } from "@lode/ports";
import { VirtualClock } from "@lode/testing/clock";
import { describe, expect, it } from "vitest";
import { type RecorderState, ShareRecorder, type ShareRecorderLimits } from "./share-recorder.ts";

const RUN = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff";

/** A store whose every commit waits until the test decides its outcome. */
class HeldStore implements ShareStore {
  readonly attempts: {
    batch: ShareBatch;
    context: CommitContext | undefined;
    resolve: () => void;
    reject: (error: Error) => void;
  }[] = [];
  readonly signsOfLife: string[] = [];

  commit(batch: ShareBatch, context?: CommitContext): Promise<void> {
    return new Promise((resolve, reject) => this.attempts.push({ batch, context, resolve, reject }));
  }

  async renew(run: string, ended: boolean): Promise<void> {
    this.signsOfLife.push(`${run === RUN ? "" : "other run "}${ended ? "ended" : "alive"}`);
  }

  get last() {
    const attempt = this.attempts.at(-1);
    if (attempt === undefined) throw new Error("no commit was tried");
    return attempt;
  }
}

const identity = { payoutScript: Uint8Array.of(0x51), address: "a", worker: "w" };
const job: JobFacts = {
  kind: "custom",
  prevHash: new Uint8Array(32).fill(7),
  height: 5,
  nbits: 0x207f_ffff,
  value: 90n,
  referenceValue: 100n,
  templateFees: 3n,
};

function share(sequenceNumber: number): AcceptedShare {
  return {
    connectionId: 1,
    channelId: 2,
    sequenceNumber,
    identity,
    worker: "w",
    work: 10n,
    creditedWork: 9n,
    job,
    blockHash: sequenceNumber === 2 ? new Uint8Array(32).fill(2) : null,
    receivedAt: 1_000.5 + sequenceNumber,
  };
}

function setUp(limits: Partial<ShareRecorderLimits> = {}) {
  const clock = new VirtualClock();
  const store = new HeldStore();
  const durable: number[] = [];
  const states: RecorderState[] = [];
  const recorder = new ShareRecorder({
    store,
    clock,
    logger: silentLogger,
    metrics: noMetrics,
    run: RUN,
    onDurable: (shares) => durable.push(...shares.map(({ sequenceNumber }) => sequenceNumber)),
    onState: (state) => states.push(state),
    limits,
  });
  return { clock, store, recorder, durable, states };
}

function unknownOutcome(): LedgerError {
  return new LedgerError({ code: "unknown-outcome", reason: "timeout", sqlstate: null });
}

function sequencesOf(batch: ShareBatch): number[] {
  return openShareBatch(batch).map(({ sequenceNumber }) => sequenceNumber);
}

describe("ShareRecorder", () => {
  it("commits the shares of one turn together and answers them only when the commit has returned", async () => {
    const { clock, store, recorder, durable } = setUp();
    recorder.record(share(1));
    recorder.record(share(2));
    expect(store.attempts).toHaveLength(0);
    await clock.advanceAsync(0);
    expect(store.attempts).toHaveLength(1);
    expect(sequencesOf(store.last.batch)).toEqual([1, 2]);
    expect(durable).toEqual([]);
    store.last.resolve();
    await clock.advanceAsync(0);
    expect(durable).toEqual([1, 2]);
  });

  it("records who is paid for what, by which job, when, and the hash of a block", async () => {
    const { clock, store, recorder } = setUp();
    recorder.record(share(1));
    recorder.record(share(2));
    await clock.advanceAsync(0);
    expect(openShareBatch(store.last.batch)).toEqual(
      [1, 2].map((sequenceNumber) => ({
        connectionId: 1,
        channelId: 2,
        sequenceNumber,
        payoutScript: Uint8Array.of(0x51),
        worker: "w",
        feeClass: 0,
        job,
        work: 10n,
        creditedWork: 9n,
        receivedAt: 1_000 + sequenceNumber,
        blockHash: sequenceNumber === 2 ? new Uint8Array(32).fill(2) : null,
      })),
    );
  });

  it("tells a script's address until it is stored, and how long ago the batch was cut", async () => {
    const { clock, store, recorder } = setUp({ retryMinMs: 50 });
    recorder.record(share(1));
    recorder.record(share(2));
    await clock.advanceAsync(0);
    expect(store.last.context).toEqual({ behindMs: 0, addresses: [identity] });
    store.last.reject(unknownOutcome());
    await clock.advanceAsync(50);
    expect(store.last.context).toEqual({ behindMs: 50, addresses: [identity] });
    store.last.resolve();
    recorder.record(share(3));
    await clock.advanceAsync(0);
    expect(store.last.context).toEqual({ behindMs: 0, addresses: [] });
  });

  it("says that its run is alive when it starts and every two seconds without a commit, and that it has ended", async () => {
    const { clock, store, recorder } = setUp();
    recorder.start();
    await clock.advanceAsync(4_500);
    expect(store.signsOfLife).toEqual(["alive", "alive", "alive"]);
    recorder.record(share(1));
    await clock.advanceAsync(3_000); // waits for its commit
    store.last.resolve();
    await clock.advanceAsync(1_000); // committed meanwhile
    expect(store.signsOfLife).toHaveLength(3);
    await clock.advanceAsync(2_000);
    await recorder.end();
    await clock.advanceAsync(10_000);
    expect(store.signsOfLife).toEqual(["alive", "alive", "alive", "alive", "ended"]);
    expect(clock.pendingTimers).toBe(0);
  });

  it("has one commit in flight; what comes meanwhile makes the next batch", async () => {
    const { clock, store, recorder, durable } = setUp();
    recorder.record(share(1));
    await clock.advanceAsync(0);
    recorder.record(share(2));
    recorder.record(share(3));
    await clock.advanceAsync(100);
    expect(store.attempts).toHaveLength(1);
    store.last.resolve();
    await clock.advanceAsync(0);
    expect(store.attempts).toHaveLength(2);
    expect(sequencesOf(store.last.batch)).toEqual([2, 3]);
    expect(store.attempts.map(({ batch }) => batch.seq)).toEqual([0, 1]);
    expect(durable).toEqual([1]);
  });

  it("sends the same bytes under the same key until an unknown outcome is known", async () => {
    const { clock, store, recorder, durable } = setUp();
    recorder.record(share(1));
    await clock.advanceAsync(0);
    const { batch } = store.last;
    for (let attempt = 1; attempt <= 5; attempt++) {
      store.last.reject(unknownOutcome());
      recorder.record(share(1 + attempt));
      // An hour later the batch must not move to another partition.
      await clock.advanceAsync(3_600_000);
      expect(store.attempts).toHaveLength(attempt + 1);
      expect(store.last.batch).toBe(batch);
    }
    store.last.resolve();
    await clock.advanceAsync(0);
    expect(durable).toEqual([1]);
    expect(sequencesOf(store.last.batch)).toEqual([2, 3, 4, 5, 6]);
  });

  it("says that it is holding after five seconds without a commit, and that it is writable again", async () => {
    const { clock, store, recorder, states } = setUp();
    recorder.record(share(1));
    await clock.advanceAsync(4_000);
    expect(recorder.state).toBe("writable");
    await clock.advanceAsync(1_500);
    expect(recorder.state).toBe("holding");
    store.last.resolve();
    await clock.advanceAsync(0);
    expect(states).toEqual(["holding", "writable"]);
  });

  it("is overfull after ten minutes, and loses nothing by it", async () => {
    const { clock, store, recorder, states, durable } = setUp();
    recorder.record(share(1));
    await clock.advanceAsync(601_000);
    expect(states).toEqual(["holding", "overfull"]);
    store.last.resolve();
    await clock.advanceAsync(0);
    expect(recorder.state).toBe("writable");
    expect(durable).toEqual([1]);
  });

  it("is overfull when the waiting shares take too much memory, and until they take less again", async () => {
    const { clock, store, recorder, states, durable } = setUp({ overfullBytes: 5_000, batchShares: 3 });
    for (let sequence = 1; sequence <= 9; sequence++) recorder.record(share(sequence));
    expect(states).toEqual([]);
    // What came until the connections are closed is taken all the same.
    for (let sequence = 10; sequence <= 13; sequence++) recorder.record(share(sequence));
    for (const [recorded, state] of [
      [3, "overfull"],
      [6, "overfull"],
      [9, "writable"],
    ] as const) {
      await clock.advanceAsync(0);
      store.last.resolve();
      await clock.advanceAsync(0);
      expect([durable.length, recorder.state]).toEqual([recorded, state]);
    }
    expect(states).toEqual(["overfull", "writable"]);
  });

  it("fails for good when other bytes stand under its key", async () => {
    const { clock, store, recorder, states, durable } = setUp();
    recorder.record(share(1));
    await clock.advanceAsync(0);
    store.last.reject(new LedgerError({ code: "batch-conflict", run: RUN, seq: 0 }));
    await clock.advanceAsync(10_000);
    expect(states).toEqual(["failed"]);
    expect(store.attempts).toHaveLength(1);
    expect(durable).toEqual([]);
  });

  it("cuts a backlog into batches of a bounded size", async () => {
    const { clock, store, recorder, durable } = setUp({ batchShares: 3 });
    for (let sequence = 1; sequence <= 7; sequence++) recorder.record(share(sequence));
    for (let batch = 0; batch < 3; batch++) {
      await clock.advanceAsync(0);
      store.last.resolve();
    }
    await clock.advanceAsync(0);
    expect(store.attempts.map(({ batch }) => batch.n)).toEqual([3, 3, 1]);
    expect(durable).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  it("is drained when the last commit has returned, and leaves no timer behind", async () => {
    const { clock, store, recorder } = setUp();
    let drained = false;
    recorder.record(share(1));
    void recorder.drained().then(() => {
      drained = true;
    });
    await clock.advanceAsync(1_000);
    expect(drained).toBe(false);
    store.last.resolve();
    await clock.advanceAsync(1_000);
    expect(drained).toBe(true);
    expect(clock.pendingTimers).toBe(0);
  });

  it("touches the store no more once it was stopped", async () => {
    const { clock, store, recorder, durable } = setUp();
    recorder.record(share(1));
    await clock.advanceAsync(0);
    store.last.reject(unknownOutcome());
    recorder.stop();
    recorder.record(share(2));
    await clock.advanceAsync(60_000);
    expect(store.attempts).toHaveLength(1);
    expect(durable).toEqual([]);
    await recorder.drained();
  });
});
