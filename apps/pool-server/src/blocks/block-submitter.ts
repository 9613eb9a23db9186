import { assembleBlock, coinbaseForBlock, internalToDisplay } from "@lode/bitcoin";
import type { FoundBlock } from "@lode/mining";
import { type Clock, type Counter, FailureLog, type Logger, type Metrics } from "@lode/ports";
import type { TemplateFeed } from "../templates/template-feed.ts";
import type { BlockCandidate, CandidateStore } from "./block-candidates.ts";
import { BlockFollower } from "./block-follower.ts";
import type { BlockNode } from "./block-node.ts";
import type { BlockVote } from "./block-votes.ts";
import { SolutionWatch } from "./solution-watch.ts";

export interface BlockSubmitterDeps {
  readonly feed: Pick<TemplateFeed, "submitSolution" | "transactions">;
  readonly nodes: readonly BlockNode[];
  readonly candidates: CandidateStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Nodes that must agree on what became of a block; at most as many as there are. */
  readonly confirmNodes?: number;
  /** Names this process in the files. */
  readonly run?: string;
  /** Called for every new candidate and every change of one. */
  readonly onChange?: (candidate: BlockCandidate) => void;
  /** Called once for each block that is known to be on the node's best chain. */
  readonly onAccepted?: (block: BlockCandidate) => void;
}

/** The node has it already: another path was faster, or it lies on a branch that lost (BIP22). */
const KNOWN = "duplicate";
/** Valid, but not the best block now: it may still become so. */
const RACING = new Set<string | null>(["inconclusive", "duplicate-inconclusive"]);
/** The node is behind and may take the same bytes later. */
const LATER = new Set<string | null>(["prev-blk-not-found"]);

const RETRY_MIN_MS = 250;
const RETRY_MAX_MS = 30_000;
/** A node that stays away this long is given up; the candidate's file stays for the next start. */
const RETRY_FOR_MS = 3_600_000;
/** With so many blocks on top, or in its place, a block's fate is taken for settled. */
const SETTLED_DEPTH = 6;
const DEFAULT_CONFIRM_NODES = 2;
/** Open candidates whose new tip is awaited; beyond that the oldest is only kept in its file. */
const TRACKED = 1_000;

/** States that are counted once each. */
type Outcome = "accepted" | keyof typeof LOST;

const LOST = {
  rejected: "every node refused a found block",
  stale: "a found block is stale: the best chain went on without it",
  orphaned: "a found block is orphaned: it left the best chain",
} as const;

interface Tracked {
  candidate: BlockCandidate;
  saving: Promise<void>;
  /** Nodes that gave a final refusal. */
  refusals: number;
  /** Its fate is known and its file set aside: nothing is tried for it any more. */
  isSettled: boolean;
}

/**
 * Takes found blocks to the network. The candidate's file, SubmitSolution to the template's source and `submitblock` to
 * every node start together and none waits for another. SubmitSolution has no reply: success is the tip becoming ours,
 * or a node's word.
 */
export class BlockSubmitter {
  readonly #deps: BlockSubmitterDeps;
  readonly #tracked = new Map<string, Tracked>();
  readonly #follower: BlockFollower;
  readonly #solutions: SolutionWatch;
  /** By node: what its failures say is logged once, then counted. */
  readonly #failures: ReadonlyMap<BlockNode, FailureLog>;
  readonly #counted: Readonly<Record<Outcome, Counter>>;
  #acceptedCount = 0;
  #stopped = false;
  /** Answers and transactions that are awaited right now. */
  #awaited = 0;
  readonly #quietWaiters: Array<() => void> = [];
  readonly #saving = new Set<Promise<unknown>>();

  constructor(deps: BlockSubmitterDeps) {
    this.#deps = deps;
    const { metrics, nodes, clock, logger } = deps;
    this.#solutions = new SolutionWatch(deps);
    this.#failures = new Map(nodes.map((node) => [node, new FailureLog({ clock, logger, level: "error" })]));
    this.#counted = {
      accepted: metrics.counter("lode_blocks_accepted_total", "Found blocks that came onto the best chain"),
      rejected: metrics.counter("lode_blocks_rejected_total", "Found blocks every node refused"),
      stale: metrics.counter("lode_blocks_stale_total", "Found blocks that the best chain went on without"),
      orphaned: metrics.counter("lode_blocks_orphaned_total", "Found blocks that left the best chain again"),
    };
    metrics.gauge("lode_blocks_open", "Found blocks whose fate is not settled", {}, () => this.#tracked.size);
    this.#follower = new BlockFollower({
      nodes,
      clock,
      logger,
      confirmNodes: deps.confirmNodes ?? DEFAULT_CONFIRM_NODES,
      onVerdict: (hash, verdict) => this.#onVerdict(hash, verdict),
    });
  }

  /** Blocks of this process that are known to be accepted. */
  get acceptedCount(): number {
    return this.#acceptedCount;
  }

  /** Starts every path for a found block; never throws. */
  submit(found: FoundBlock): void {
    const { template, tip } = found.job;
    const coinbaseTx = coinbaseForBlock(found.coinbaseTx);
    const transactions = this.#deps.feed.transactions(template);
    const hash = internalToDisplay(found.hash);
    const candidate: BlockCandidate = {
      hash,
      height: template.height,
      prevHash: internalToDisplay(tip.prevHash),
      header: hex(found.header),
      coinbaseTx: hex(coinbaseTx),
      block:
        transactions.ready === null ? null : hex(assembleBlock(found.header, coinbaseTx, transactions.ready)),
      source: template.sourceId,
      templateId: template.templateId.toString(),
      finder: `${found.identity.address}.${found.identity.worker}`,
      finderScript: hex(found.identity.payoutScript),
      worker: found.identity.worker,
      ...(this.#deps.run === undefined ? {} : { run: this.#deps.run }),
      connectionId: found.connectionId,
      channelId: found.channelId,
      jobKind: found.facts.kind,
      foundAt: new Date(found.foundAt).toISOString(),
      state: "found",
      answers: [],
    };
    this.#deps.logger.info(
      { hash, height: candidate.height, finder: candidate.finder, source: candidate.source },
      "block found",
    );
    const entry = this.#track(candidate);
    this.#deps.feed.submitSolution(template.sourceId, {
      templateId: template.templateId,
      version: found.version,
      headerTimestamp: found.ntime,
      headerNonce: found.nonce,
      coinbaseTx,
    });
    this.#solutions.sent(hash, template.sourceId);
    if (entry.candidate.block !== null) {
      this.#submitToNodes(entry, entry.candidate.block);
    } else {
      const assembled = transactions.later.then((list) => {
        const block = hex(assembleBlock(found.header, coinbaseTx, list));
        this.#update(entry, { block });
        this.#submitToNodes(entry, block);
      });
      this.#await(
        assembled.catch((error: unknown) =>
          this.#deps.logger.warn(
            { err: error, hash },
            "the template's transactions could not be had: this block goes out through its template source alone",
          ),
        ),
      );
    }
  }

  /** Takes up what an earlier process left: submits again what no node took, and follows the rest. */
  async resume(): Promise<void> {
    for (const candidate of await this.#deps.candidates.unsettled()) {
      if (this.#tracked.has(candidate.hash)) continue;
      this.#deps.onChange?.(candidate);
      const entry: Tracked = { candidate, saving: Promise.resolve(), refusals: 0, isSettled: false };
      const { hash, state, block } = candidate;
      if (state === "rejected" || state === "stale" || state === "orphaned") {
        this.#settle(entry);
        continue;
      }
      this.#remember(entry);
      if (state === "accepted" || block === null) continue;
      this.#deps.logger.info({ hash }, "submitting a block found before the restart again");
      this.#submitToNodes(entry, block);
    }
  }

  /** Tells the submitter that the best chain's tip is `prevHash` now (internal order). */
  observeTip(prevHash: Uint8Array): void {
    const hash = internalToDisplay(prevHash);
    const entry = this.#tracked.get(hash);
    if (entry !== undefined) this.#resolve(entry, "accepted", "tip");
    this.#follower.onTip(hash);
  }

  /** Resolves when every candidate file written so far is on disk. */
  async settled(): Promise<void> {
    await Promise.all(this.#saving);
  }

  /** Resolves when no answer and no transactions are awaited; retries that wait for their time do not count. */
  quiet(): Promise<void> {
    if (this.#awaited === 0) return Promise.resolve();
    return new Promise((resolve) => this.#quietWaiters.push(resolve));
  }

  /** Retries no more; open candidates stay in their files. */
  stop(): void {
    this.#stopped = true;
    this.#solutions.stop();
    for (const log of this.#failures.values()) log.stop();
    this.#follower.stop();
  }

  #track(candidate: BlockCandidate): Tracked {
    const entry: Tracked = { candidate, saving: Promise.resolve(), refusals: 0, isSettled: false };
    this.#remember(entry);
    this.#update(entry, {});
    return entry;
  }

  #remember(entry: Tracked): void {
    this.#tracked.set(entry.candidate.hash, entry);
    this.#follower.follow(entry.candidate);
    if (this.#tracked.size > TRACKED) {
      const oldest = this.#tracked.keys().next().value;
      if (oldest !== undefined) this.#tracked.delete(oldest);
    }
  }

  #submitToNodes(entry: Tracked, block: string): void {
    for (const node of this.#deps.nodes)
      this.#attempt(entry, node, block, RETRY_MIN_MS, this.#deps.clock.monotonic());
  }

  #attempt(entry: Tracked, node: BlockNode, block: string, delay: number, since: number): void {
    if (this.#stopped || entry.isSettled) return;
    const again = () => {
      if (this.#deps.clock.monotonic() - since > RETRY_FOR_MS) return;
      this.#deps.clock.after(delay, () =>
        this.#attempt(entry, node, block, Math.min(delay * 2, RETRY_MAX_MS), since),
      );
    };
    const answered = node.submitBlock(block).then(
      async (answer) => {
        this.#failures
          .get(node)
          ?.worked(`the node ${node.name} answers submitblock again`, { node: node.name });
        this.#update(entry, { answers: [...entry.candidate.answers, `${node.name}: ${answer ?? "ok"}`] });
        if (answer === null) this.#resolve(entry, "accepted", node.name);
        else if (answer === KNOWN) await this.#lookUp(entry, node, again);
        else if (LATER.has(answer)) again();
        else if (RACING.has(answer)) this.#race(entry);
        else this.#refuse(entry, node, answer ?? "");
      },
      (error: unknown) => {
        this.#failed(entry, node, "submitblock has no answer, the same block goes again", error);
        again();
      },
    );
    this.#await(answered);
  }

  async #lookUp(entry: Tracked, node: BlockNode, again: () => void): Promise<void> {
    try {
      if (((await node.confirmations(entry.candidate.hash)) ?? 0) >= 1)
        this.#resolve(entry, "accepted", node.name);
      else this.#race(entry);
    } catch (error) {
      this.#failed(entry, node, "a block cannot be looked up yet", error);
      again();
    }
  }

  #failed(entry: Tracked, node: BlockNode, says: string, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    const fields = { node: node.name, hash: entry.candidate.hash };
    this.#failures.get(node)?.failed(`node ${node.name}: ${says} (${reason})`, fields);
  }

  /** A node that sees another best block takes nothing back from one that has ours. */
  #race(entry: Tracked): void {
    this.#solutions.heard(entry.candidate.hash);
    if (entry.candidate.state === "found") this.#update(entry, { state: "submitted" });
  }

  #refuse(entry: Tracked, node: BlockNode, answer: string): void {
    entry.refusals += 1;
    this.#deps.logger.error(
      { node: node.name, hash: entry.candidate.hash, answer },
      "a node refused a found block",
    );
    if (entry.refusals >= this.#deps.nodes.length) this.#resolve(entry, "rejected", answer);
  }

  /** What the nodes agree on. A block that is deep enough on or off the best chain is settled. */
  #onVerdict(hash: string, verdict: BlockVote): void {
    const entry = this.#tracked.get(hash);
    if (entry === undefined) {
      this.#follower.forget(hash);
      return;
    }
    const isAccepted = entry.candidate.state === "accepted";
    if (verdict.is === "active") {
      this.#resolve(entry, "accepted", "header lookup");
      if (verdict.confirmations >= SETTLED_DEPTH) this.#settle(entry);
    } else if (verdict.buried >= SETTLED_DEPTH) {
      // Without a node nobody can say that a block which was the tip is gone.
      const isKnown = entry.candidate.state === "rejected" || (isAccepted && this.#deps.nodes.length === 0);
      if (isKnown) this.#settle(entry);
      else this.#resolve(entry, isAccepted ? "orphaned" : "stale", "header lookup");
    }
  }

  #resolve(entry: Tracked, state: Outcome, by: string): void {
    this.#solutions.heard(entry.candidate.hash);
    const before = entry.candidate.state;
    if (before === state || (before === "accepted" && state === "rejected")) return;
    this.#update(entry, { state });
    this.#counted[state].inc();
    const { hash, height, finder } = entry.candidate;
    if (state === "accepted") {
      this.#acceptedCount += 1;
      this.#deps.logger.info({ hash, height, by }, "block accepted");
      this.#deps.onAccepted?.(entry.candidate);
      return;
    }
    this.#deps.logger[state === "rejected" ? "error" : "warn"]({ hash, height, finder, by }, LOST[state]);
    // A block that every node refused may still show up as the tip, through its template source.
    if (state !== "rejected") this.#settle(entry);
  }

  /** Nothing more will come of the block: its file goes aside, after what is being written. */
  #settle(entry: Tracked): void {
    const { hash } = entry.candidate;
    entry.isSettled = true;
    this.#tracked.delete(hash);
    this.#follower.forget(hash);
    this.#write(entry, () => this.#deps.candidates.settle(entry.candidate));
  }

  #await(work: Promise<unknown>): void {
    this.#awaited += 1;
    void work.finally(() => {
      this.#awaited -= 1;
      if (this.#awaited > 0) return;
      for (const wake of this.#quietWaiters.splice(0)) wake();
    });
  }

  #update(entry: Tracked, change: Partial<BlockCandidate>): void {
    entry.candidate = { ...entry.candidate, ...change };
    const { candidate } = entry;
    this.#deps.onChange?.(candidate);
    this.#write(entry, () => this.#deps.candidates.save(candidate));
  }

  /** Writes follow one another, so that a later state is never overwritten by an earlier one. */
  #write(entry: Tracked, write: () => Promise<void>): void {
    const saving: Promise<unknown> = entry.saving
      .then(write)
      .catch((error: unknown) => {
        this.#deps.logger.error(
          { err: error, hash: entry.candidate.hash },
          "a block candidate could not be written",
        );
      })
      .then(() => this.#saving.delete(saving));
    entry.saving = saving.then(() => {});
    this.#saving.add(saving);
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}
