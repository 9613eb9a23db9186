import { join } from "node:path";
import { type Clock, type Logger, type Random, silentLogger, systemClock, systemRandom } from "@lode/ports";
import { BlockFile } from "../chain/block-file.ts";
import { Chain } from "../chain/chain.ts";
import type { ChainParameters } from "../chain/parameters.ts";
import { Mempool } from "../mempool/mempool.ts";
import { startTraffic } from "../mempool/traffic.ts";
import { chainMethods } from "./chain-methods.ts";
import { cookieLogin, removeCookie, writeCookie } from "./cookie.ts";
import { generateMethods } from "./generate-methods.ts";
import { mempoolMethods } from "./mempool-methods.ts";
import { miningMethods } from "./mining-methods.ts";
import type { LongPollPatience, NodeState } from "./node-state.ts";
import { processMethods } from "./process-methods.ts";
import { RpcDispatcher } from "./rpc-dispatch.ts";
import { RpcServer } from "./rpc-server.ts";

/** How a devnet node is started. */
export interface DevnetNodeOptions {
  /** Holds the blocks and the cookie. Without it the chain lives in memory and `user` must be given. */
  dataDir?: string;
  /** 127.0.0.1 if absent. There is no encryption: keep it on loopback. */
  host?: string;
  /** Any free one if absent. */
  port?: number;
  /** A login beside the cookie. */
  user?: string;
  password?: string;
  /** What the chain asks of blocks; nbits above all. */
  chain?: Partial<ChainParameters>;
  /** Synthetic transactions; none if absent. */
  transactionsPerMinute?: number;
  /** Peers to claim; 1 if absent. */
  connections?: number;
  /** When long polls look at the mempool; as Core does if absent. */
  longPoll?: LongPollPatience;
  clock?: Clock;
  random?: Random;
  logger?: Logger;
}

/** A running node. */
export interface DevnetNode {
  /** `http://host:port`. */
  readonly url: string;
  readonly port: number;
  /** Undefined without a data directory. */
  readonly cookieFile: string | undefined;
  readonly chain: Chain;
  readonly mempool: Mempool;
  /** With a text, every call gets error −28 with it, as from a node that is loading; null ends that. */
  setWarmup(text: string | null): void;
  /** Ends long polls, answers what is under way, closes the chain and deletes the cookie. */
  close(): Promise<void>;
}

const methods = {
  ...chainMethods,
  ...miningMethods,
  ...mempoolMethods,
  ...generateMethods,
  ...processMethods,
};

/** Starts a regtest node of our own: a chain, its mempool, and bitcoind's JSON-RPC in front of them. */
export async function startDevnetNode(options: DevnetNodeOptions): Promise<DevnetNode> {
  const { dataDir, host = "127.0.0.1", clock = systemClock, random = systemRandom } = options;
  const logger = options.logger ?? silentLogger;
  const chain = openChain(options, clock, logger);
  const mempool = new Mempool(chain, clock);
  const stopping = new AbortController();
  const state: NodeState = {
    chain,
    mempool,
    clock,
    random,
    longPoll: options.longPoll ?? { firstMs: 60_000, thenMs: 10_000 },
    startedAt: clock.monotonic(),
    connections: options.connections ?? 1,
    stopping: stopping.signal,
    lastTemplate: undefined,
  };
  const dispatcher = new RpcDispatcher(methods, state, logger);
  const login = cookieLogin(random);
  const logins = dataDir === undefined ? [] : [login];
  if (options.user !== undefined) logins.push(`${options.user}:${options.password ?? ""}`);
  const answer = (text: string, signal: AbortSignal) => dispatcher.answer(text, signal);
  const server = new RpcServer({ host, port: options.port ?? 0, logins, answer, clock });
  let port: number;
  try {
    port = await server.listen();
  } catch (error) {
    chain.close();
    throw error;
  }
  // Only now: a second node that finds the port taken leaves the first one's cookie alone.
  const cookieFile = dataDir === undefined ? undefined : writeCookie(dataDir, login);
  const traffic = startTrafficIfAny(options.transactionsPerMinute ?? 0, state);
  return {
    url: `http://${host}:${port}`,
    port,
    cookieFile,
    chain,
    mempool,
    setWarmup: (text) => {
      dispatcher.warmup = text;
    },
    async close() {
      traffic?.stop();
      stopping.abort();
      await server.close();
      if (cookieFile !== undefined) removeCookie(cookieFile);
      chain.close();
    },
  };
}

function openChain(options: DevnetNodeOptions, clock: Clock, logger: Logger): Chain {
  const parameters = options.chain ?? {};
  if (options.dataDir === undefined) return new Chain({ clock, parameters });
  const store = new BlockFile(join(options.dataDir, "blocks.dat"));
  if (store.discardedBytes > 0) {
    logger.warn({ bytes: store.discardedBytes }, "cut off a block that was not written to its end");
  }
  try {
    return new Chain({ clock, parameters, store });
  } catch (error) {
    store.close();
    throw error;
  }
}

function startTrafficIfAny(transactionsPerMinute: number, state: NodeState): { stop(): void } | undefined {
  return transactionsPerMinute > 0 ? startTraffic({ ...state, transactionsPerMinute }) : undefined;
}
