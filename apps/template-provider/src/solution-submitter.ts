import { explainNodeFailure, type NodeRpc } from "@lode/bitcoin/node";
import { type Clock, FailureLog, type Logger, type Metrics, type Timer } from "@lode/ports";

/** What a {@link SolutionSubmitter} works with. */
export interface SolutionSubmitterDeps {
  readonly rpc: Pick<NodeRpc, "call" | "endpoint">;
  /** The setting that names the node, for messages. */
  readonly setting: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** The node has answered: its best block may be another one. */
  readonly onAnswer: () => void;
}

/** `submitblock` is repeated until the node answers, this long at most. */
const SUBMIT_FOR_MS = 3_600_000;
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 5_000;

/** The block is on the node's best chain, or was handed in before (BIP22). */
const TAKEN = new Set<unknown>([null, "duplicate"]);
/** Valid, but another block is the best one now: this one may still win. */
const RACING = new Set<unknown>(["inconclusive", "duplicate-inconclusive"]);

/** Hands blocks to the node, again and again until it answers. */
export class SolutionSubmitter {
  readonly #deps: SolutionSubmitterDeps;
  readonly #failures: FailureLog;
  readonly #answers;
  readonly #retries = new Set<Timer>();

  constructor(deps: SolutionSubmitterDeps) {
    this.#deps = deps;
    const { clock, logger, metrics } = deps;
    this.#failures = new FailureLog({ clock, logger, level: "error" });
    const counter = (answer: string) =>
      metrics.counter("lode_template_provider_blocks_total", "Blocks handed to the node, by its answer", {
        answer,
      });
    this.#answers = {
      accepted: counter("accepted"),
      inconclusive: counter("inconclusive"),
      rejected: counter("rejected"),
    };
  }

  /** @param block serialized, hex. @param hash displayed */
  submit(block: string, hash: string): void {
    this.#attempt(block, hash, this.#deps.clock.monotonic(), RETRY_MIN_MS);
  }

  /** Tries no more. */
  stop(): void {
    for (const timer of this.#retries) timer.cancel();
    this.#retries.clear();
    this.#failures.stop();
  }

  #attempt(block: string, hash: string, since: number, pause: number): void {
    const { rpc, setting, clock, onAnswer } = this.#deps;
    rpc.call("submitblock", [block]).then(
      (answer) => {
        this.#failures.worked("the node answers solutions again");
        this.#answered(answer, hash);
        onAnswer();
      },
      (error: unknown) => {
        const explained = explainNodeFailure(error, { endpoint: rpc.endpoint, setting });
        const reason = explained instanceof Error ? explained.message : String(explained);
        this.#failures.failed(`a solution has no answer, it goes again: ${reason}`, { hash });
        if (clock.monotonic() - since >= SUBMIT_FOR_MS) return;
        const timer = clock.after(pause, () => {
          this.#retries.delete(timer);
          this.#attempt(block, hash, since, Math.min(pause * 2, RETRY_MAX_MS));
        });
        this.#retries.add(timer);
      },
    );
  }

  #answered(answer: unknown, hash: string): void {
    const { logger } = this.#deps;
    if (TAKEN.has(answer)) {
      this.#answers.accepted.inc();
      logger.info({ hash, answer: answer ?? "ok" }, "the node took a solution");
    } else if (RACING.has(answer)) {
      this.#answers.inconclusive.inc();
      logger.info({ hash, answer }, "a solution is a valid block, but another block is the node's best one");
    } else {
      this.#answers.rejected.inc();
      logger.error({ hash, answer }, "the node refused a solution");
    }
  }
}
