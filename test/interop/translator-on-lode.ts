import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { startBitcoinCore } from "./bitcoin-core.ts";
import type { InteropTest } from "./interop-test.ts";
import { type LodePool, startLodePool, startLodeTemplateProvider } from "./lode-processes.ts";
import { checkBlock, checkShares, untilBlocks } from "./pool-results.ts";
import type { RunningProcess } from "./running-process.ts";
import { startSv1Miner } from "./sv1-miner.ts";
import { freePort, type Workbench } from "./workbench.ts";

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
      const port = await freePort();
      const translator = startTranslator(bench, peers.translator, pool, {
        aggregate,
        port,
        user: payoutAddress,
      });
      await bench.until("listening translator", 30, () => accepts(port), [translator]);
      const miners = Array.from({ length: MINERS }, (_, i) => startSv1Miner(bench, port, `worker${i}`));
      await bench.until(
        `${SHARES} shares of each SV1 miner accepted by the translator`,
        120,
        () => miners.every(({ accepted }) => accepted >= SHARES),
        [pool.process, translator],
      );
      await bench.until(
        `${SHARES} shares accepted by the pool through the translator`,
        30,
        async () => (await pool.counts()).accepted >= SHARES,
        [pool.process, translator],
      );
      bench.check(!miners.some(({ closed }) => closed), "the translator kept its SV1 miners");
      const block = await untilBlocks(bench, core, pool, height, 1);
      checkBlock(bench, block, payoutAddress, []);
      for (const miner of miners) miner.stop();
      const [accepted, refused] = [
        miners.map((miner) => miner.accepted),
        miners.flatMap((miner) => miner.refused),
      ];
      bench.say(
        `  SV1 shares accepted ${accepted.join(" + ")}, refused ${refused.length} ${[...new Set(refused)]}`,
      );
      await checkShares(bench, pool);
      await translator.stop();
    },
  };
}

function startTranslator(
  bench: Workbench,
  program: string,
  pool: LodePool,
  options: { readonly aggregate: boolean; readonly port: number; readonly user: string },
): RunningProcess {
  const file = join(bench.folder, "translator.toml");
  writeFileSync(
    file,
    `downstream_address = "127.0.0.1"
downstream_port = ${options.port}
max_supported_version = 2
min_supported_version = 2
downstream_extranonce2_size = 4
verify_payout = false
aggregate_channels = ${options.aggregate}
supported_extensions = [0x0002]
[downstream_difficulty_config]
min_individual_miner_hashrate = 50_000.0
shares_per_minute = 30.0
enable_vardiff = false
job_keepalive_interval_secs = 60
[[upstreams]]
address = "127.0.0.1"
port = ${pool.port}
authority_pubkey = "${pool.publicKey}"
user_identity = "${options.user}"
`,
  );
  return bench.start("translator_sv2", program, ["-c", file, "-f", join(bench.folder, "translator.log")]);
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(port, "127.0.0.1");
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", () => resolve(false));
  });
}
