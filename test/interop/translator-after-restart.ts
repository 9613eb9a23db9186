import { startBitcoinCore } from "./bitcoin-core.ts";
import type { InteropTest } from "./interop-test.ts";
import { startLodePool, startLodeTemplateProvider } from "./lode-processes.ts";
import { checkShares } from "./pool-results.ts";
import { type Sv1Miner, startSv1Miner } from "./sv1-miner.ts";
import { startTranslator } from "./translator.ts";

const SHARES = 3;
const MINERS = 2;
/** With one entry it would end here; with these it has twelve seconds for the pool's restart. */
const ENTRIES = 5;

/** The pool is stopped and started again under the reference translator, which has to come back with all its miners. */
export function translatorAfterRestart(aggregate: boolean): InteropTest {
  return {
    name: aggregate ? "restart-translator-aggregated" : "restart-translator-channel-each",
    needs: ["bitcoinNode", "translator"],
    async run(bench, peers) {
      const core = await startBitcoinCore(bench, peers.bitcoinNode, "signet");
      const templates = await startLodeTemplateProvider(bench, core);
      const payoutAddress = await core.newAddress();
      const pool = await startLodePool(bench, {
        templates,
        node: core,
        network: core.network,
        payoutAddress,
        minDifficulty: 4e-6,
        sharesPerMinute: 60,
      });
      const translator = await startTranslator(bench, peers.translator, pool, {
        aggregate,
        user: payoutAddress,
        minerHashrate: 40_000,
        sharesPerMinute: 60,
        vardiff: true,
        requireWorkerNames: true,
        entries: ENTRIES,
      });
      const start = (place: number): Sv1Miner =>
        startSv1Miner(bench, {
          port: translator.port,
          user: `farm.rig${place}`,
          hashesPerSecond: 40_000,
          rollsVersion: true,
        });
      const miners = Array.from({ length: MINERS }, (_, place) => start(place));
      const shares = (when: string) =>
        bench.until(
          `${SHARES} shares accepted by the pool ${when}`,
          60,
          async () => {
            // Miners whose server closed the connection dial again.
            for (const [place, { closed }] of miners.entries()) if (closed) miners[place] = start(place);
            return (await pool.counts()).accepted >= SHARES;
          },
          [pool.process, translator.process],
        );
      await shares("before");
      await pool.restart();
      const before = await pool.recordedShares();
      await shares("after its restart");
      bench.check(translator.process.running, "the translator is the same process");
      for (const miner of miners) miner.stop();
      await checkShares(bench, pool, before);
    },
  };
}
