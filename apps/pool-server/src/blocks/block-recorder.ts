import { displayToInternal, transactionOutputs } from "@lode/bitcoin";
import type { BlockScheme, BlockState, BlockStore, NewBlock } from "@lode/ledger/blocks";
import type { Clock, Logger, Metrics, Timer } from "@lode/ports";
import type { BlockCandidate, CandidateState } from "./block-candidates.ts";

/** What a {@link BlockRecorder} needs. */
export interface BlockRecorderDeps {
  readonly store: Pick<BlockStore, "record" | "recordAttempt" | "find" | "move">;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Candidates that wait for the database; beyond that the oldest is left to its file and the next start. */
const MOST_WAITING = 1_000;
const RETRY_MIN_MS = 1_000;
const RETRY_MAX_MS = 60_000;

/** The state that a candidate's own process may give its row: the nodes' votes say the rest. */
const STATES: Readonly<Partial<Record<CandidateState, BlockState>>> = {
  submitted: "submitted",
  accepted: "active",
  rejected: "rejected",
};

/**
 * Writes found blocks into the database, from what stands in their files: a block that is found while the database is away is
 * recorded when it is back, or by the next process. Nothing waits for it.
 */
export class BlockRecorder {
  readonly #deps: BlockRecorderDeps;
  /** The newest state of each, by hash. */
  readonly #waiting = new Map<string, BlockCandidate>();
  #writing: Promise<void> | null = null;
  #timer: Timer | undefined;
  #delay = RETRY_MIN_MS;
  #stopped = false;

  constructor(deps: BlockRecorderDeps) {
    this.#deps = deps;
    deps.metrics.gauge(
      "lode_blocks_unrecorded",
      "Found blocks that are not in the database as they stand in their files",
      {},
      () => this.#waiting.size,
    );
  }

  /** A candidate is new, or something about it changed. */
  record(candidate: BlockCandidate): void {
    this.#waiting.delete(candidate.hash);
    this.#waiting.set(candidate.hash, candidate);
    if (this.#waiting.size > MOST_WAITING) this.#waiting.delete(this.#waiting.keys().next().value!);
    this.#begin();
  }

  /** Resolves when nothing is being written; what waits for a database that is away stays in its files. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#writing;
  }

  #begin(): void {
    if (this.#writing !== null || this.#timer !== undefined || this.#stopped) return;
    this.#writing = this.#writeAll().finally(() => {
      this.#writing = null;
    });
  }

  async #writeAll(): Promise<void> {
    for (let next = this.#next(); next !== undefined && !this.#stopped; next = this.#next()) {
      try {
        await this.#write(next);
        if (this.#waiting.get(next.hash) === next) this.#waiting.delete(next.hash);
        if (this.#delay > RETRY_MIN_MS) this.#deps.logger.info({}, "found blocks are recorded again");
        this.#delay = RETRY_MIN_MS;
      } catch (err) {
        if (this.#delay === RETRY_MIN_MS) {
          this.#deps.logger.warn(
            { err, hash: next.hash },
            "a found block cannot be recorded yet; its file has it",
          );
        }
        this.#retryLater();
        return;
      }
    }
  }

  #next(): BlockCandidate | undefined {
    return this.#waiting.values().next().value;
  }

  #retryLater(): void {
    if (this.#stopped) return;
    this.#timer = this.#deps.clock.after(this.#delay, () => {
      this.#timer = undefined;
      this.#begin();
    });
    this.#delay = Math.min(this.#delay * 2, RETRY_MAX_MS);
  }

  async #write(candidate: BlockCandidate): Promise<void> {
    const { store, logger } = this.#deps;
    let block: NewBlock;
    try {
      block = newBlockOf(candidate);
    } catch (err) {
      logger.error(
        { err, hash: candidate.hash },
        "a block candidate's file cannot be read into the database",
      );
      this.#waiting.delete(candidate.hash);
      return;
    }
    await store.record(block);
    for (const answer of candidate.answers) {
      const [path = "", ...rest] = answer.split(": ");
      await store.recordAttempt(block.hash, path, rest.join(": "));
    }
    const state = STATES[candidate.state];
    const row = state === undefined ? undefined : await store.find(block.hash);
    if (row === undefined || state === undefined) return;
    // Only forward: a row that the nodes' votes have moved on is theirs.
    const isEarlier = row.state === "candidate" || (row.state === "submitted" && state !== "submitted");
    if (isEarlier) await store.move(block.hash, row.state, state, state === "active" ? 1 : 0, "submitblock");
  }
}

const SCHEMES: Readonly<Record<string, BlockScheme>> = { pool: "pplns", solo: "solo", custom: "custom" };

/** A row of a candidate's file. @throws TransactionBytesError, HashError for a file that was changed */
function newBlockOf(candidate: BlockCandidate): NewBlock {
  const { finderScript, worker, run, connectionId, channelId, jobKind } = candidate;
  const coinbaseTx = bytes(candidate.coinbaseTx);
  const isKnown = finderScript !== undefined && run !== undefined;
  return {
    hash: displayToInternal(candidate.hash),
    height: candidate.height,
    prevHash: displayToInternal(candidate.prevHash),
    header: bytes(candidate.header),
    coinbaseTx,
    scheme: SCHEMES[jobKind ?? "pool"] ?? "pplns",
    finder: isKnown
      ? {
          script: bytes(finderScript),
          worker: worker ?? "",
          run,
          connectionId: connectionId ?? 0,
          channelId: channelId ?? 0,
        }
      : null,
    source: candidate.source,
    foundAt: Date.parse(candidate.foundAt),
    outputs: transactionOutputs(coinbaseTx),
  };
}

function bytes(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"));
}
