import { startPostgres } from "@lode/devnet";
import { countShares, findShares, openDatabase, shareTotals } from "@lode/ledger";
import { systemRandom } from "@lode/ports";
import { freePort, isReady, lodeMain, PoolProcess, setArguments } from "@lode/testing/process";
import { encodeAuthorityPublicKey, encodeAuthoritySecretKey, generateKeypair } from "@lode/transport";
import type { BitcoinCore, CoreNetwork } from "./bitcoin-core.ts";
import type { Workbench } from "./workbench.ts";

/** In the coinbase of every block the pool finds. */
export const POOL_TAG = "Lode interop";
/** Between looks at the mempool; the node keeps its answer for five seconds. */
const REFRESH_SEC = 5;

/** Where templates come from. */
export interface TemplateAddress {
  readonly port: number;
  readonly publicKey: string;
}

/** What a pool has counted. */
export interface PoolCounts {
  readonly accepted: number;
  readonly rejected: number;
  readonly rejectedByCode: Readonly<Record<string, number>>;
  readonly recorded: number;
  readonly blocksFound: number;
  readonly blocksAccepted: number;
  readonly blocksRejected: number;
  /** Jobs for a new tip, and new jobs for the same tip, each for all connections. */
  readonly tips: number;
  readonly refreshes: number;
  /** Miners' connections that ended. */
  readonly connectionsClosed: number;
}

/** A pool as a process, with a Postgres of its own. */
export interface LodePool {
  readonly process: PoolProcess;
  readonly port: number;
  readonly publicKey: string;
  counts(): Promise<PoolCounts>;
  /** Ends the process as an operator does, and starts it again as it was. Its counts begin anew. */
  restart(): Promise<void>;
  /** Shares in Postgres. */
  recordedShares(): Promise<number>;
  /** Work of all shares in Postgres, expected hashes. */
  recordedWork(): Promise<number>;
  /** Postgres has a share that names this worker. */
  knowsWorker(worker: string): Promise<boolean>;
}

export interface LodePoolOptions {
  readonly templates: TemplateAddress;
  /** Also gets every block by submitblock; null: only the template source gets it. */
  readonly node: BitcoinCore | null;
  /** regtest unless told. */
  readonly network?: CoreNetwork;
  readonly payoutAddress: string;
  readonly minDifficulty: number;
  readonly sharesPerMinute: number;
}

/** `lode template-provider` before a node. */
export async function startLodeTemplateProvider(
  bench: Workbench,
  core: BitcoinCore,
): Promise<TemplateAddress> {
  const authority = generateKeypair(systemRandom);
  const [port, admin] = [await freePort(), await freePort()];
  const provider = bench.start("lode template-provider", process.execPath, [
    lodeMain,
    "template-provider",
    ...setArguments([
      `template_provider.listen_address=127.0.0.1:${port}`,
      `template_provider.authority_secret_key=${encodeAuthoritySecretKey(authority.secretKey)}`,
      `node.url=${core.url}`,
      `node.cookie_file=${core.cookieFile}`,
      `node.network=${core.network}`,
      `template_provider.refresh_sec=${REFRESH_SEC}`,
      `admin.listen_address=127.0.0.1:${admin}`,
    ]),
  ]);
  await bench.until("readiness of lode template-provider", 30, () => isReady(admin), [provider]);
  return { port, publicKey: encodeAuthorityPublicKey(authority.publicKey) };
}

/** `lode pool` with the embedded Postgres; resolves when it is ready for miners. */
export async function startLodePool(bench: Workbench, options: LodePoolOptions): Promise<LodePool> {
  const { templates, node, network = "regtest" } = options;
  const postgres = await startPostgres({ dataDir: bench.folder, durable: true });
  bench.onClear(() => postgres.stop());
  const pool = await PoolProcess.start({
    folder: bench.folder,
    databaseUrl: postgres.url,
    templates,
    nodes: node === null ? [] : [node],
    network,
    address: options.payoutAddress,
    settings: [
      `pool.pool_signature=${POOL_TAG}`,
      `pool.shares_per_minute=${options.sharesPerMinute}`,
      `pool.min_difficulty=${options.minDifficulty}`,
      "pool.drain_sec=1",
    ],
  });
  bench.add(pool, () => pool.end("SIGTERM"));
  await pool.untilReady();
  bench.say("  lode pool is ready");
  const database = openDatabase(postgres.url, { max: 1 });
  bench.onClear(() => database.end());
  return {
    process: pool,
    port: pool.port,
    publicKey: pool.publicKey,
    async restart() {
      await pool.end("SIGTERM");
      await pool.start();
      await pool.untilReady();
      bench.say("  lode pool is ready");
    },
    recordedShares: () => countShares(database),
    recordedWork: async () => (await shareTotals(database)).reduce((sum, { work }) => sum + Number(work), 0),
    knowsWorker: async (worker) => (await findShares(database, { worker, limit: 1 })).length > 0,
    async counts() {
      const page = await pool.metrics();
      const rejectedByCode = page.byLabel("lode_shares_rejected_total", "error_code");
      const fanOuts = page.byLabel("lode_job_fanout_seconds_count", "kind");
      return {
        accepted: page.sum("lode_shares_accepted_total"),
        rejected: Object.values(rejectedByCode).reduce((sum, n) => sum + n, 0),
        rejectedByCode,
        recorded: page.sum("lode_shares_recorded_total"),
        blocksFound: page.sum("lode_blocks_found_total"),
        blocksAccepted: page.sum("lode_blocks_accepted_total"),
        blocksRejected: page.sum("lode_blocks_rejected_total"),
        tips: fanOuts["new-tip"] ?? 0,
        refreshes: fanOuts["same-tip"] ?? 0,
        connectionsClosed: page.sum("lode_mining_connections_closed_total"),
      };
    },
  };
}
