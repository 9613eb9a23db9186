import type { Clock, Random } from "@lode/ports";
import type { Chain } from "../chain/chain.ts";
import type { MempoolEntry } from "../mempool/entry.ts";
import type { Mempool } from "../mempool/mempool.ts";

/** How long a long poll ignores the mempool, milliseconds. */
export interface LongPollPatience {
  /** Before the first look. */
  firstMs: number;
  /** Between further ones. */
  thenMs: number;
}

/** What the RPC methods work on. */
export interface NodeState {
  readonly chain: Chain;
  readonly mempool: Mempool;
  readonly clock: Clock;
  readonly random: Random;
  readonly longPoll: LongPollPatience;
  /** Clock time of the start, monotonic milliseconds. */
  readonly startedAt: number;
  /** Peers the node says it has: clients warn about a node that is alone. */
  readonly connections: number;
  /** Aborted when the node stops. */
  readonly stopping: AbortSignal;
  /** The transactions of the last template, for getmininginfo. */
  lastTemplate: readonly MempoolEntry[] | undefined;
}

/** One RPC method. */
interface Method {
  /** Parameter names in order, for calls by name; those ending in `?` may be left out. */
  readonly parameters: readonly string[];
  /**
   * @param args by position; undefined where left out
   * @param signal aborted when the caller goes away
   * @throws RpcFailure
   */
  run(node: NodeState, args: readonly unknown[], signal: AbortSignal): unknown;
}

/** Methods by name. */
export type MethodTable = Readonly<Record<string, Method>>;
