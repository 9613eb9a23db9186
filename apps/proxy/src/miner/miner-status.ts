import { printable } from "@lode/roles";
import type { Miner } from "./miner.ts";

/** One miner, for people. */
export interface MinerStatus {
  readonly remote_address: string;
  readonly user: string;
  readonly user_agent: string;
  readonly authorized: boolean;
  readonly difficulty: number | null;
  /** Hashes per second, of the last minutes. */
  readonly hashrate: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly rejected_by: Readonly<Record<string, number>>;
  /** Mean time to the pool's answer, seconds. */
  readonly answer_seconds: number | null;
}

/**
 * What a person wants to know of a miner; text from the network is cut and escaped.
 *
 * @param now monotonic milliseconds
 */
export function minerStatus({ session, identity, counts }: Miner, now: number): MinerStatus {
  return {
    remote_address: session.connection.remoteAddress,
    user: printable(identity, 128),
    user_agent: printable(session.wishes.userAgent),
    authorized: session.isAuthorized,
    difficulty: session.work?.difficulty ?? null,
    hashrate: counts.hashrate(now),
    accepted: counts.accepted,
    rejected: counts.rejected,
    rejected_by: Object.fromEntries(counts.rejectedBy),
    answer_seconds: counts.answerSeconds ?? null,
  };
}
