import type { AttackCount } from "./life.ts";

/** What the attackers' process is asked. */
export type AttackRequest =
  | {
      readonly kind: "begin";
      readonly port: number;
      readonly address: string;
      readonly seed: number;
      /** CPU seconds per second that all attackers may take. */
      readonly cores: number;
      /** Number of attackers, as a part of the full number. */
      readonly strength: number;
      /** Time within which all of them come, milliseconds. */
      readonly arrivalMs: number;
      /** Names of kinds; all when empty. */
      readonly only: readonly string[];
    }
  | { readonly kind: "read" }
  /** Ends the attack; every connection is gone afterwards. */
  | { readonly kind: "cease" };

/** What it answers. */
export interface AttackReply {
  readonly counts: Readonly<Record<string, AttackCount>>;
  /** CPU time used since the start, seconds. */
  readonly cpuSeconds: number;
  readonly rssMb: number;
}
