import type { NodeRpc } from "@lode/bitcoin/node";
import { openDatabase } from "@lode/ledger";
import { BlockStore } from "@lode/ledger/blocks";
import type { Clock, Logger, Metrics } from "@lode/ports";
import type { BlockCandidate, CandidateStore } from "./block-candidates.ts";
import type { BlockNode } from "./block-node.ts";
import { BlockRecorder } from "./block-recorder.ts";
import { BlockRounds } from "./block-rounds.ts";
import { ChainScan, chainReader } from "./chain-scan.ts";
import { ConfirmationTracker } from "./confirmation-tracker.ts";

/** What {@link RecordedBlocks} needs. */
export interface RecordedBlocksDeps {
  /** Of the database. */
  readonly url: string;
  readonly candidates: CandidateStore;
  readonly nodes: readonly BlockNode[];
  /** The nodes' own, for the scan of the chain; the first one is read. */
  readonly rpcs: readonly Pick<NodeRpc, "call">[];
  readonly confirmNodes: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Settled files of earlier processes that are looked up in the database at the start. */
const LOOKED_UP = 200;

/** Found blocks in the database: written from their files, followed by the nodes' votes, completed from the chain. */
export class RecordedBlocks {
  readonly #deps: RecordedBlocksDeps;
  readonly #database: ReturnType<typeof openDatabase>;
  readonly #store: BlockStore;
  readonly #recorder: BlockRecorder;
  #rounds: BlockRounds | undefined;

  constructor(deps: RecordedBlocksDeps) {
    const { clock, logger, metrics } = deps;
    this.#deps = deps;
    this.#database = openDatabase(deps.url, { max: 2, logger });
    this.#store = new BlockStore(this.#database);
    this.#recorder = new BlockRecorder({ store: this.#store, clock, logger, metrics });
  }

  /**
   * Notes the pool's scripts, before the first job with them, and begins.
   *
   * @throws LedgerError
   */
  async start(rewardScript: Uint8Array, feeScript?: Uint8Array): Promise<void> {
    await this.#store.addPoolScript(rewardScript, "reward");
    if (feeScript !== undefined) await this.#store.addPoolScript(feeScript, "fee");
    const { clock, logger, nodes, rpcs, confirmNodes } = this.#deps;
    for (const candidate of (await this.#deps.candidates.settled(LOOKED_UP)).reverse())
      this.record(candidate);
    const [rpc] = rpcs;
    if (rpc === undefined) return;
    const tracker = new ConfirmationTracker({ store: this.#store, nodes, confirmNodes, logger });
    const scan = new ChainScan({ store: this.#store, chain: chainReader(rpc), logger });
    this.#rounds = new BlockRounds({
      clock,
      logger,
      work: [
        { name: "looking for the pool's blocks on the chain", round: () => scan.round() },
        { name: "following found blocks", round: () => tracker.round() },
      ],
    });
  }

  record(candidate: BlockCandidate): void {
    this.#recorder.record(candidate);
  }

  /** The best chain has a new tip. */
  onTip(): void {
    this.#rounds?.onTip();
  }

  async stop(): Promise<void> {
    await this.#rounds?.stop();
    await this.#recorder.stop();
    await this.#database.end();
  }
}
