import type { ShareBatch, ShareStore } from "@lode/ledger";
import { type JobVariant, type MiningJob, type Payee, poolPayee } from "@lode/mining";
import type { PoolDeps } from "@lode/pool-server";
import { encodeFrame, HEADER_SIZE, mining, parseFrameHeader } from "@lode/protocol";
import { serverMessages } from "@lode/testing/pool";
import type { FrameConnection } from "@lode/transport";
import type { InvariantName } from "./world/world.ts";

/** A fault of the pool that is planted from outside, to prove that the simulation finds such a thing. */
export interface PlantedBug {
  readonly description: string;
  /** Invariants that may notice first. */
  readonly noticedBy: readonly InvariantName[];
  /** What the pool gets in place of the world's own. */
  readonly deps?: (deps: PoolDeps) => Partial<PoolDeps>;
  readonly connection?: (connection: FrameConnection) => FrameConnection;
  /** The recorder's bounds on time and memory are not kept. */
  readonly unbounded?: true;
}

const nothing = () => {};

function storeBug(commit: (inner: ShareStore, batch: ShareBatch) => Promise<void>) {
  return (deps: PoolDeps) => ({
    store: {
      commit: (batch: ShareBatch) => commit(deps.store, batch),
      renew: (run: string, ended: boolean) => deps.store.renew(run, ended),
    },
  });
}

function newKeyOnRetry(deps: PoolDeps): Partial<PoolDeps> {
  const seen = new Set<ShareBatch>();
  let next = 1_000_000;
  return {
    store: {
      commit(batch) {
        if (seen.has(batch)) return deps.store.commit({ ...batch, seq: next++ });
        seen.add(batch);
        return deps.store.commit(batch);
      },
      renew: (run, ended) => deps.store.renew(run, ended),
    },
  };
}

function wrongVerdict(deps: PoolDeps): Partial<PoolDeps> {
  let checks = 0;
  const isWrong = () => ++checks % 50 === 0;
  return {
    native: {
      createJob(parts) {
        const job = deps.native.createJob(parts);
        return {
          checkShare: (...share) => (isWrong() ? 0 : job.checkShare(...share)),
          checkStandardShare: (...share) => (isWrong() ? 0 : job.checkStandardShare(...share)),
          merkleRoot: (extranonce) => job.merkleRoot(extranonce),
          header: (...header) => job.header(...header),
          free: () => job.free(),
        };
      },
    },
  };
}

/** A connection that does everything but what is given as the other does. */
function likeBut(connection: FrameConnection, own: Partial<FrameConnection>): FrameConnection {
  return {
    id: connection.id,
    remoteAddress: connection.remoteAddress,
    get queuedBytes() {
      return connection.queuedBytes;
    },
    start: (handler) => connection.start(handler),
    send: (frame) => connection.send(frame),
    flush: () => connection.flush(),
    readReceived: () => connection.readReceived(),
    close: (reason) => connection.close(reason),
    destroy: (reason) => connection.destroy(reason),
    ...own,
  };
}

function deafToTheEnd(connection: FrameConnection): FrameConnection {
  return likeBut(connection, {
    start: (handler) =>
      connection.start({ onFrame: (header, payload) => handler.onFrame(header, payload), onClose: nothing }),
  });
}

/** Payees that are not the right ones. */
function payeeBug(change: (payee: Payee, before: Payee | undefined) => Payee) {
  return ({ payees }: PoolDeps): Partial<PoolDeps> => {
    let before: Payee | undefined;
    if (payees === undefined) return {};
    return {
      payees: {
        of(identity) {
          const payee = payees.of(identity);
          const other = before;
          if (payee !== poolPayee) before = payee;
          return change(payee, other);
        },
        hold: (payee) => payees.hold(payee),
        letGo: (payee) => payees.letGo(payee),
      },
    };
  };
}

/** As the payee itself, but shares are checked against what it was paid by the job before. */
function withStaleVariants(payee: Payee): Payee {
  if (payee === poolPayee) return payee;
  let previous: { readonly job: MiningJob; readonly variant: JobVariant } | undefined;
  return {
    key: payee.key,
    suffixSize: (job) => payee.suffixSize(job),
    writeSuffix: (job, target, at) => payee.writeSuffix(job, target, at),
    variantOf(job) {
      const stale = previous;
      if (stale?.job !== job) previous = { job, variant: payee.variantOf(job) };
      return stale?.variant ?? payee.variantOf(job);
    },
  };
}

/** What is told of a connection's groups is the first one's. */
function firstGroupForAll(connection: FrameConnection): FrameConnection {
  return likeBut(connection, {
    send(frame) {
      const message = serverMessages.decode(parseFrameHeader(frame), frame.subarray(HEADER_SIZE));
      if (message?.name === "OpenExtendedMiningChannelSuccess") {
        const fields = { ...message.fields, groupChannelId: 1 };
        connection.send(encodeFrame(mining.OpenExtendedMiningChannelSuccess, fields));
      } else connection.send(frame);
    },
  });
}

/** Every bug that can be planted. */
export const plantedBugs = {
  "answer-before-commit": {
    description: "a share is answered when its commit begins",
    noticedBy: ["answered-recorded"],
    deps: storeBug((inner, batch) => {
      inner.commit(batch).catch(nothing);
      return Promise.resolve();
    }),
  },
  "answer-when-unknown": {
    description: "a commit without an answer counts as done",
    noticedBy: ["answered-recorded"],
    deps: storeBug((inner, batch) => inner.commit(batch).catch(nothing)),
  },
  "new-key-on-retry": {
    description: "a batch is committed again under another key",
    noticedBy: ["no-key-twice"],
    deps: newKeyOnRetry,
  },
  "batch-dropped": {
    description: "one batch in sixteen is never sent",
    noticedBy: ["answered-recorded"],
    deps: storeBug((inner, batch) => (batch.seq % 16 === 9 ? Promise.resolve() : inner.commit(batch))),
  },
  "commit-forgotten": {
    description: "a commit that gets no answer is waited for for ever",
    noticedBy: ["alive"],
    deps: storeBug((inner, batch) => inner.commit(batch).catch(() => new Promise<void>(nothing))),
  },
  "block-swallowed": {
    description: "a block does not reach one of the nodes",
    noticedBy: ["block-submitted"],
    deps: ({ nodes }) => ({
      nodes: nodes.map((node, index) =>
        index === 0 ? node : { ...node, submitBlock: () => Promise.resolve(null) },
      ),
    }),
  },
  "block-not-kept": {
    description: "blocks found before a restart are forgotten",
    noticedBy: ["block-submitted"],
    deps: ({ candidates }) => ({
      candidates: { ...candidates, unsettled: async () => [] },
    }),
  },
  "end-unnoticed": {
    description: "the end of a connection is not noticed",
    noticedBy: ["bounded", "protocol"],
    connection: deafToTheEnd,
  },
  "wrong-verdict": {
    description: "one share in fifty is taken for too easy",
    noticedBy: ["right-verdict", "block-submitted"],
    deps: wrongVerdict,
  },
  "wrong-variant": {
    description: "a channel's jobs pay the user who came before",
    noticedBy: ["pays-finder"],
    deps: payeeBug((payee, before) => (payee === poolPayee ? payee : (before ?? payee))),
  },
  "stale-variant": {
    description: "shares are checked with the coinbase of the job before",
    noticedBy: ["right-verdict", "block-submitted", "pays-finder", "protocol"],
    deps: payeeBug(withStaleVariants),
  },
  "group-of-another-script": {
    description: "a channel is told the group of another script",
    noticedBy: ["pays-finder", "protocol"],
    connection: firstGroupForAll,
  },
  "no-bound": {
    description: "shares may wait for the store without end",
    noticedBy: ["bounded"],
    unbounded: true,
  },
  "block-handler-throws": {
    description: "an exception comes out of the handling of a block",
    noticedBy: ["contained"],
    deps: ({ feed }) => ({
      feed: {
        start: (listener) => feed.start(listener),
        submitSolution() {
          throw new RangeError("planted");
        },
        transactions: (template) => feed.transactions(template),
        get healthy() {
          return feed.healthy;
        },
        stop: () => feed.stop(),
      },
    }),
  },
} as const satisfies Record<string, PlantedBug>;

/** A key of {@link plantedBugs}. */
export type BugName = keyof typeof plantedBugs;
