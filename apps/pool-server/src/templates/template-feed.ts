import type { Template, Tip } from "@lode/mining";

/** A solution as `SubmitSolution` carries it (SV2 7.7); the coinbase includes its witness. */
export interface Solution {
  readonly templateId: bigint;
  readonly version: number;
  readonly headerTimestamp: number;
  readonly headerNonce: number;
  readonly coinbaseTx: Uint8Array;
}

/** The transactions of a template but the coinbase. */
export interface TemplateTransactions {
  /** Serialised with witness, in block order; null while they are on their way. */
  readonly ready: readonly Uint8Array[] | null;
  /** The same, as soon as they are here; rejects when the source does not give them. */
  readonly later: Promise<readonly Uint8Array[]>;
}

export interface TemplateFeedListener {
  /** New work: a new tip with the template to mine on it, or a better template for the same tip. */
  onTemplate(template: Template, tip: Tip): void;
  /** No source has work since `since` (monotonic milliseconds); called once per outage. */
  onOutage(): void;
}

/** Where the pool's templates come from: one view over all template sources. */
export interface TemplateFeed {
  start(listener: TemplateFeedListener): void;
  /** Hands a solution to the source that gave the template; never throws, has no answer. */
  submitSolution(sourceId: string, solution: Solution): void;
  /** @param template the very object the feed gave: ids alone repeat when a template server is restarted */
  transactions(template: Template): TemplateTransactions;
  /** True while some source has given work and is alive. */
  readonly healthy: boolean;
  stop(): void;
}
