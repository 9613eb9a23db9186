import { setTimeout as pause } from "node:timers/promises";
import { startPostgres } from "@lode/devnet";
import { type PoolServer, poolServerSchema, startPoolServer } from "@lode/pool-server";
import { silentLogger, systemRandom } from "@lode/ports";
import { createMetrics, loadConfig } from "@lode/service";
import { type MetricsPage, parseMetrics } from "@lode/testing/metrics";
import { encodeAuthoritySecretKey, generateKeypair } from "@lode/transport";
import { startBitcoinCore } from "./bitcoin-core.ts";
import type { InteropTest } from "./interop-test.ts";
import { startLodeTemplateProvider, type TemplateAddress } from "./lode-processes.ts";
import { startSv1Miner } from "./sv1-miner.ts";
import { startTranslator } from "./translator.ts";
import type { Workbench } from "./workbench.ts";

const MINERS = 2;
const MOVES = 4;
const SHARES_BETWEEN = 6;
/** No connection and no channel of this test has a higher number. */
const HIGHEST_ID = 8;

/** The pool moves the extranonce prefixes of the reference translator's channels while it mines (SetExtranoncePrefix). */
export function translatorAfterMove(aggregate: boolean): InteropTest {
  return {
    name: aggregate ? "move-translator-aggregated" : "move-translator-channel-each",
    needs: ["bitcoinNode", "translator"],
    async run(bench, peers) {
      const core = await startBitcoinCore(bench, peers.bitcoinNode, "signet");
      const templates = await startLodeTemplateProvider(bench, core);
      const payoutAddress = await core.newAddress();
      const { server, read } = await startPoolHere(bench, templates, payoutAddress);
      const pool = { port: server.port, publicKey: server.authorityPublicKey };
      const translator = await startTranslator(bench, peers.translator, pool, {
        aggregate,
        user: payoutAddress,
        minerHashrate: 60_000,
        sharesPerMinute: 60,
        vardiff: true,
        requireWorkerNames: true,
      });
      const miners = Array.from({ length: MINERS }, (_, place) =>
        startSv1Miner(bench, {
          port: translator.port,
          user: `farm.rig${place}`,
          hashesPerSecond: 60_000,
          rollsVersion: true,
          movesExtranonce: true,
        }),
      );
      const channels = aggregate ? 1 : MINERS;
      const shares = async (count: number): Promise<void> => {
        const wanted = (await read()).sum("lode_shares_accepted_total") + count;
        const enough = async () => (await read()).sum("lode_shares_accepted_total") >= wanted;
        await bench.until(`${count} shares accepted by the pool`, 60, enough, [translator.process]);
      };
      await shares(SHARES_BETWEEN);
      for (let move = 1; move <= MOVES; move++) {
        const moved = moveAll(server);
        bench.check(moved === channels, `every channel's prefix moves (${moved})`);
        await shares(SHARES_BETWEEN);
      }
      bench.check(
        miners.every(({ closed, moves }) => !closed && moves >= MOVES),
        `every SV1 miner stayed and was told each time (${miners.map(({ moves }) => moves).join(", ")})`,
      );
      for (const miner of miners) miner.stop();
      await pause(500);
      const rejected = (await read()).byLabel("lode_shares_rejected_total", "error_code");
      bench.check(
        translator.log.unexplained.length === 0 &&
          Object.keys(rejected).every((code) => code === "stale-share"),
        `no share was refused but for being late: ${JSON.stringify(rejected)}`,
      );
    },
  };
}

/** The pool server in this process: there is no command for an operator that moves a prefix. */
async function startPoolHere(
  bench: Workbench,
  templates: TemplateAddress,
  payoutAddress: string,
): Promise<{ server: PoolServer; read: () => Promise<MetricsPage> }> {
  const postgres = await startPostgres({ dataDir: bench.folder, durable: true });
  bench.onClear(() => postgres.stop());
  const authority = generateKeypair(systemRandom);
  const metrics = createMetrics({ defaults: false });
  const server = await startPoolServer(
    loadConfig({
      schema: poolServerSchema,
      set: [
        "pool.network=signet",
        "pool.listen_address=127.0.0.1:0",
        `pool.authority_secret_key=${encodeAuthoritySecretKey(authority.secretKey)}`,
        `pool.coinbase_reward_script=${payoutAddress}`,
        "pool.shares_per_minute=60",
        "pool.min_difficulty=4e-6",
        `pool.data_dir=${bench.folder}`,
        `templates.sources.0.address=127.0.0.1:${templates.port}`,
        `templates.sources.0.public_key=${templates.publicKey}`,
        `database.url=${postgres.url}`,
      ],
    }),
    {
      logger: silentLogger,
      metrics,
      onFatal: (error) => bench.say(`  the pool failed: ${String(error)}`),
    },
  );
  bench.onClear(() => server.stop());
  await bench.until("readiness of the pool", 60, () => server.pool.notReady().length === 0);
  return { server, read: async () => parseMetrics(await metrics.text()) };
}

/** Moves every channel of every connection once; returns how many there were. */
function moveAll({ pool }: PoolServer): number {
  let moved = 0;
  for (let connection = 1; connection <= HIGHEST_ID; connection++) {
    for (let channel = 1; channel <= HIGHEST_ID; channel++) {
      if (pool.moveExtranoncePrefix(connection, channel)) moved++;
    }
  }
  return moved;
}
