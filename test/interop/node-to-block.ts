import { type BitcoinCore, sendSegwitPayments, startBitcoinCore } from "./bitcoin-core.ts";
import type { InteropTest } from "./interop-test.ts";
import { HASHES_PER_SECOND, startLodeMiner } from "./lode-miner.ts";
import { startLodePool, startLodeTemplateProvider, type TemplateAddress } from "./lode-processes.ts";
import { checkBlock, checkShares, untilBlocks } from "./pool-results.ts";
import { startSv2Tp } from "./sv2-tp.ts";
import type { Workbench } from "./workbench.ts";

const PAYMENTS = 5;
const BLOCKS = 3;

/** Core → `lode template-provider` → `lode pool` → miner → a block in Core's chain. */
export const nodeThroughTemplateProvider: InteropTest = {
  name: "node-through-template-provider",
  needs: ["bitcoinNode"],
  async run(bench, peers) {
    const core = await startBitcoinCore(bench, peers.bitcoinNode);
    const payments = await sendSegwitPayments(core, PAYMENTS);
    const templates = await startLodeTemplateProvider(bench, core);
    await mineOn(bench, core, templates, core, payments);
  },
};

/**
 * Bitcoin Core's Mining interface has one id in all releases, and `submitSolution` another number in each: 9 in 30.x, 7 in
 * 31.x, 10 in 32.x. An sv2-tp of another release gets templates and loses every block without a word (seen: Core master of
 * 20 August 2026 with sv2-tp 1be45c4).
 */
const SAME_RELEASE =
  "  SubmitSolution alone works with an sv2-tp that was built for the node's own release: 30.x, 31.x or 32.x for both";

/** Core → sv2-tp → `lode pool` → miner → a block in Core's chain; with and without `[[nodes]]` in the pool. */
export function nodeThroughSv2Tp(how: "with-submitblock" | "submit-solution-alone"): InteropTest {
  return {
    name: `node-through-sv2-tp-${how}`,
    needs: ["bitcoinNode", "sv2Tp"],
    async run(bench, peers) {
      const core = await startBitcoinCore(bench, peers.bitcoinNode);
      const payments = await sendSegwitPayments(core, PAYMENTS);
      const templates = await startSv2Tp(bench, peers.sv2Tp, core);
      if (how === "submit-solution-alone") bench.say(SAME_RELEASE);
      await mineOn(bench, core, templates, how === "with-submitblock" ? core : null, payments);
    },
  };
}

async function mineOn(
  bench: Workbench,
  core: BitcoinCore,
  templates: TemplateAddress,
  node: BitcoinCore | null,
  payments: readonly string[],
): Promise<void> {
  const payoutAddress = await core.newAddress();
  const pool = await startLodePool(bench, {
    templates,
    node,
    payoutAddress,
    // A share a second; on this chain each is a block as well.
    minDifficulty: HASHES_PER_SECOND / 2 ** 32,
    sharesPerMinute: 60,
  });
  const height = await core.height();
  const { miner, accepted, rejected } = await startLodeMiner(bench, pool, payoutAddress);
  const block = await untilBlocks(bench, core, pool, height, BLOCKS);
  checkBlock(bench, block, payoutAddress, payments);
  const answered = () => accepted() + rejected.length === miner.submitted;
  await bench.until("pause between shares, all of them answered", 20, answered, [pool.process]);
  miner.stop();
  const { blocksAccepted } = await pool.counts();
  const grown = (await core.height()) - height;
  bench.check(
    blocksAccepted >= BLOCKS,
    `the pool counts accepted blocks too (${blocksAccepted}, chain ${grown})`,
  );
  await checkShares(bench, pool);
  const counts = await pool.counts();
  bench.check(counts.accepted === accepted(), `the miner was told of the same number (${accepted()})`);
}
