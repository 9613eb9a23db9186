import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import type { Server } from "node:http";
import { join } from "node:path";
import { type Clock, type Random, systemClock, systemRandom } from "@lode/ports";
import { BlockFile } from "../chain/block-file.ts";
import { Chain } from "../chain/chain.ts";
import type { ChainParameters } from "../chain/parameters.ts";
import { Mempool } from "../mempool/mempool.ts";
import { startTraffic } from "../mempool/traffic.ts";
import type { LongPollPatience, NodeState } from "./node-state.ts";
import { createRpcServer } from "./rpc-server.ts";

export interface DevnetNodeOptions {
  /** Holds the blocks and the cookie; in memory if absent. */
  readonly dataDir?: string;
  readonly parameters?: Partial<ChainParameters>;
  /** RPC port on loopback; a free one by default. */
  readonly port?: number;
  /** Synthetic transactions; none by default. */
  readonly transactionsPerMinute?: number;
  readonly longPoll?: LongPollPatience;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** A running node of the built-in chain. */
export interface DevnetNode {
  readonly chain: Chain;
  readonly mempool: Mempool;
  /** `http://127.0.0.1:port` */
  readonly url: string;
  /** Path of the cookie, if there is a data directory. */
  readonly cookieFile: string | null;
  readonly user: string;
  readonly password: string;
  /** Lets the node pretend to be still loading: every call fails with −28. */
  setWarmup(inWarmup: boolean): void;
  stop(): Promise<void>;
}

/** Bitcoin Core's own times. */
const CORE_PATIENCE: LongPollPatience = { firstMs: 60_000, thenMs: 10_000 };
const COOKIE_USER = "__cookie__";

/** Starts a node of the built-in chain, with Bitcoin Core's JSON-RPC on loopback. */
export async function startDevnetNode(options: DevnetNodeOptions = {}): Promise<DevnetNode> {
  const clock = options.clock ?? systemClock;
  const random = options.random ?? systemRandom;
  if (options.dataDir !== undefined) mkdirSync(options.dataDir, { recursive: true });
  const chain = new Chain({
    clock,
    ...(options.parameters === undefined ? {} : { parameters: options.parameters }),
    ...(options.dataDir === undefined ? {} : { store: new BlockFile(join(options.dataDir, "blocks.dat")) }),
  });
  const mempool = new Mempool(chain, clock);
  const stopping = new AbortController();
  const state: NodeState = {
    chain,
    mempool,
    clock,
    random,
    longPoll: options.longPoll ?? CORE_PATIENCE,
    startedAt: clock.monotonic(),
    connections: 1,
    stopping: stopping.signal,
    lastTemplate: undefined,
  };
  const password = Buffer.from(systemRandom(32)).toString("hex");
  let inWarmup = false;
  const server = createRpcServer({
    state,
    credentials: [`${COOKIE_USER}:${password}`],
    inWarmup: () => inWarmup,
  });
  const port = await listenOnLoopback(server, options.port ?? 0);
  const cookieFile = options.dataDir === undefined ? null : join(options.dataDir, ".cookie");
  if (cookieFile !== null) writeFileSync(cookieFile, `${COOKIE_USER}:${password}`, { mode: 0o600 });
  const perMinute = options.transactionsPerMinute ?? 0;
  const traffic =
    perMinute > 0 ? startTraffic({ chain, mempool, clock, random, transactionsPerMinute: perMinute }) : null;
  return {
    chain,
    mempool,
    url: `http://127.0.0.1:${port}`,
    cookieFile,
    user: COOKIE_USER,
    password,
    setWarmup(value) {
      inWarmup = value;
    },
    async stop() {
      traffic?.stop();
      stopping.abort();
      await new Promise<void>((resolve) => {
        const late = clock.after(1_000, () => server.closeAllConnections());
        server.close(() => {
          late.cancel();
          resolve();
        });
        server.closeIdleConnections();
      });
      if (cookieFile !== null) rmSync(cookieFile, { force: true });
      chain.close();
    },
  };
}

function listenOnLoopback(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}
