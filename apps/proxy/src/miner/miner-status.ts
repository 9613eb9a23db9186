import { printable } from "@lode/roles";
import type { Miner } from "./miner.ts";

/** One miner, for people. */
export interface MinerStatus {
  readonly address: string;
  readonly user: string;
  readonly userAgent: string;
  readonly authorized: boolean;
  readonly difficulty: number | null;
  readonly accepted: number;
  readonly rejected: number;
}

/** What a person wants to know of a miner; text from the network is cut and escaped. */
export function minerStatus({ session, identity, counts }: Miner): MinerStatus {
  return {
    address: session.connection.remoteAddress,
    user: printable(identity, 128),
    userAgent: printable(session.wishes.userAgent),
    authorized: session.isAuthorized,
    difficulty: session.work?.difficulty ?? null,
    accepted: counts.accepted,
    rejected: counts.rejected,
  };
}
