import { startBitcoinCore } from "./bitcoin-core.ts";
import type { InteropTest } from "./interop-test.ts";
import { startLodePool, startLodeTemplateProvider } from "./lode-processes.ts";
import { checkBlock, checkShares, untilBlocks } from "./pool-results.ts";
import { startSv1Miner } from "./sv1-miner.ts";
import { startTranslator } from "./translator.ts";

const SHARES = 3;
const MINERS = 2;

/** SV1 miners → reference translator → `lode pool`; one channel a miner, or one for all. */
export function translatorOnLode(aggregate: boolean): InteropTest {
  return {
    name: aggregate ? "translator-aggregated" : "translator-channel-each",
    needs: ["bitcoinNode", "translator"],
    async run(bench, peers) {
      const core = await startBitcoinCore(bench, peers.bitcoinNode);
      const templates = await startLodeTemplateProvider(bench, core);
      const payoutAddress = await core.newAddress();
      const pool = await startLodePool(bench, {
        templates,
        node: core,
        payoutAddress,
        // 86,000 hashes; the translator gives its miners 100,000 and their rate asks for no other target. On regtest every
        // hash meets the network's target, and then the translator hands a share on without a look at its channel's target.
        minDifficulty: 2e-5,
        sharesPerMinute: 120,
      });
      const height = await core.height();
      const translator = await startTranslator(bench, peers.translator, pool, {
        aggregate,
        user: payoutAddress,
        minerHashrate: 50_000,
        sharesPerMinute: 30,
        vardiff: false,
        requireWorkerNames: false,
      });
      const miners = Array.from({ length: MINERS }, (_, i) =>
        startSv1Miner(bench, {
          port: translator.port,
          user: `farm.worker${i}`,
          hashesPerSecond: 40_000,
          rollsVersion: i % 2 === 1,
        }),
      );
      await bench.until(
        `${SHARES} shares of each SV1 miner accepted by the translator`,
        120,
        () => miners.every(({ accepted }) => accepted >= SHARES),
        [pool.process, translator.process],
      );
      await bench.until(
        `${SHARES} shares accepted by the pool through the translator`,
        30,
        async () => (await pool.counts()).accepted >= SHARES,
        [pool.process, translator.process],
      );
      bench.check(!miners.some(({ closed }) => closed), "the translator kept its SV1 miners");
      const block = await untilBlocks(bench, core, pool, height, 1);
      checkBlock(bench, block, payoutAddress, []);
      for (const miner of miners) miner.stop();
      const accepted = miners.map((miner) => miner.accepted).join(" + ");
      const refused = miners.flatMap((miner) => [...miner.refused.keys()]);
      bench.say(`  SV1 shares accepted ${accepted}, refused for ${refused.join(", ") || "nothing"}`);
      await checkShares(bench, pool);
      await translator.process.stop();
    },
  };
}
