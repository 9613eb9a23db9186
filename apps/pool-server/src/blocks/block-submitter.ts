import { assembleBlock, coinbaseForBlock, heightFromBip34, internalToDisplay } from "@lode/bitcoin";
import type { FoundBlock } from "@lode/mining";
import { type Clock, CodedError, type Logger, type Metrics } from "@lode/ports";
import type { TemplateFeed } from "../templates/template-feed.ts";
import type { BlockCandidate, CandidateState, CandidateStore } from "./block-candidates.ts";

/** A node that takes whole blocks. */
export interface BlockSubmitNode {
  readonly name: string;
  /** `submitblock`: null when the block is the new tip, else a BIP22 string. Rejects when the outcome is unknown. */
  submitBlock(blockHex: string): Promise<string | null>;
  /** True when the block is part of the node's best chain. Rejects when the node does not answer. */
  isInBestChain(hash: string): Promise<boolean>;
}

export interface BlockSubmitterDeps {
  readonly feed: Pick<TemplateFeed, "submitSolution" | "transactions">;
  readonly nodes: readonly BlockSubmitNode[];
  readonly candidates: CandidateStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Called once for each block that is known to be on the node's best chain. */
  readonly onAccepted?: (hash: string) => void;
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
/** Open candidates whose new tip is awaited; beyond that the oldest is only kept in its file. */
const TRACKED = 1_000;

interface Tracked {
  candidate: BlockCandidate;
  saving: Promise<void>;
  /** Nodes that gave a final refusal. */
  refusals: number;
}

/**
 * Takes found blocks to the network. The candidate's file, SubmitSolution to the template's source and `submitblock` to
 * every node start together and none waits for another. SubmitSolution has no reply: success is the tip becoming ours,
 * or a node's word.
 */
export class BlockSubmitter {
  readonly #deps: BlockSubmitterDeps;
  readonly #tracked = new Map<string, Tracked>();
  readonly #accepted;
  readonly #rejected;
  #acceptedCount = 0;
  #stopped = false;
  /** Answers and transactions that are awaited right now. */
  #awaited = 0;
  readonly #quietWaiters: Array<() => void> = [];
  readonly #saving = new Set<Promise<void>>();

  constructor(deps: BlockSubmitterDeps) {
    this.#deps = deps;
    const { metrics } = deps;
    this.#accepted = metrics.counter("lode_blocks_accepted_total", "Found blocks a node took");
    this.#rejected = metrics.counter("lode_blocks_rejected_total", "Found blocks every node refused");
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
      height: heightFromBip34(template.coinbasePrefix) ?? 0,
      prevHash: internalToDisplay(tip.prevHash),
      header: hex(found.header),
      coinbaseTx: hex(coinbaseTx),
      block:
        transactions.ready === null ? null : hex(assembleBlock(found.header, coinbaseTx, transactions.ready)),
      source: template.sourceId,
      templateId: template.templateId.toString(),
      finder: `${found.identity.address}.${found.identity.worker}`,
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

  /** Submits again what an earlier process left open. */
  async resume(): Promise<void> {
    for (const candidate of await this.#deps.candidates.unresolved()) {
      if (candidate.block === null || this.#tracked.has(candidate.hash)) continue;
      this.#deps.logger.info({ hash: candidate.hash }, "submitting a block found before the restart again");
      const entry: Tracked = { candidate, saving: Promise.resolve(), refusals: 0 };
      this.#remember(entry);
      this.#submitToNodes(entry, candidate.block);
    }
  }

  /** Tells the submitter that the best chain's tip is `prevHash` now (internal order). */
  observeTip(prevHash: Uint8Array): void {
    const entry = this.#tracked.get(internalToDisplay(prevHash));
    if (entry !== undefined) this.#resolve(entry, "accepted", "tip");
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
  }

  #track(candidate: BlockCandidate): Tracked {
    const entry: Tracked = { candidate, saving: Promise.resolve(), refusals: 0 };
    this.#remember(entry);
    this.#update(entry, {});
    return entry;
  }

  #remember(entry: Tracked): void {
    this.#tracked.set(entry.candidate.hash, entry);
    if (this.#tracked.size > TRACKED) {
      const oldest = this.#tracked.keys().next().value;
      if (oldest !== undefined) this.#tracked.delete(oldest);
    }
  }

  #submitToNodes(entry: Tracked, block: string): void {
    for (const node of this.#deps.nodes)
      this.#attempt(entry, node, block, RETRY_MIN_MS, this.#deps.clock.monotonic());
  }

  #attempt(entry: Tracked, node: BlockSubmitNode, block: string, delay: number, since: number): void {
    if (this.#stopped) return;
    const again = () => {
      if (this.#deps.clock.monotonic() - since > RETRY_FOR_MS) return;
      this.#deps.clock.after(delay, () =>
        this.#attempt(entry, node, block, Math.min(delay * 2, RETRY_MAX_MS), since),
      );
    };
    const answered = node.submitBlock(block).then(
      async (answer) => {
        this.#update(entry, { answers: [...entry.candidate.answers, `${node.name}: ${answer ?? "ok"}`] });
        if (answer === null) this.#resolve(entry, "accepted", node.name);
        else if (answer === KNOWN) await this.#lookUp(entry, node, again);
        else if (LATER.has(answer)) again();
        else if (RACING.has(answer)) this.#race(entry);
        else this.#refuse(entry, node, answer ?? "");
      },
      (error: unknown) => {
        const code = error instanceof CodedError ? String(error.code) : "unexpected";
        this.#deps.logger.warn(
          { err: error, node: node.name, hash: entry.candidate.hash, code },
          "submitblock has no answer; the same block goes again",
        );
        again();
      },
    );
    this.#await(answered);
  }

  async #lookUp(entry: Tracked, node: BlockSubmitNode, again: () => void): Promise<void> {
    try {
      if (await node.isInBestChain(entry.candidate.hash)) this.#resolve(entry, "accepted", node.name);
      else this.#race(entry);
    } catch (error) {
      this.#deps.logger.warn(
        { err: error, node: node.name, hash: entry.candidate.hash },
        "no header lookup yet",
      );
      again();
    }
  }

  /** A node that sees another best block takes nothing back from one that has ours. */
  #race(entry: Tracked): void {
    if (entry.candidate.state === "found") this.#update(entry, { state: "submitted" });
  }

  #refuse(entry: Tracked, node: BlockSubmitNode, answer: string): void {
    entry.refusals += 1;
    this.#deps.logger.error(
      { node: node.name, hash: entry.candidate.hash, answer },
      "a node refused a found block",
    );
    if (entry.refusals >= this.#deps.nodes.length) this.#resolve(entry, "rejected", answer);
  }

  #resolve(entry: Tracked, state: CandidateState, by: string): void {
    if (entry.candidate.state === "accepted" || entry.candidate.state === state) return;
    this.#update(entry, { state });
    const { hash, height } = entry.candidate;
    if (state === "accepted") {
      this.#accepted.inc();
      this.#acceptedCount += 1;
      this.#deps.logger.info({ hash, height, by }, "block accepted");
      this.#deps.onAccepted?.(hash);
    } else {
      this.#rejected.inc();
    }
  }

  #await(work: Promise<unknown>): void {
    this.#awaited += 1;
    void work.finally(() => {
      this.#awaited -= 1;
      if (this.#awaited > 0) return;
      for (const wake of this.#quietWaiters.splice(0)) wake();
    });
  }

  /** Writes follow one another, so that a later state is never overwritten by an earlier one. */
  #update(entry: Tracked, change: Partial<BlockCandidate>): void {
    entry.candidate = { ...entry.candidate, ...change };
    const { candidate } = entry;
    const saving = entry.saving
      .then(() => this.#deps.candidates.save(candidate))
      .catch((error: unknown) => {
        this.#deps.logger.error(
          { err: error, hash: candidate.hash },
          "a block candidate could not be written",
        );
      })
      .then(() => {
        this.#saving.delete(saving);
        // An accepted block is in its file; megabytes of it need not stay in memory.
        if (candidate.state === "accepted" && entry.saving === saving) this.#tracked.delete(candidate.hash);
      });
    entry.saving = saving;
    this.#saving.add(saving);
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}
