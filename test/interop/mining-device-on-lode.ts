import { startBitcoinCore } from "./bitcoin-core.ts";
import type { InteropTest } from "./interop-test.ts";
import { startLodePool, startLodeTemplateProvider } from "./lode-processes.ts";
import { SLOW_DEVICE, startMiningDevice } from "./mining-device.ts";
import { checkBlock, checkShares, untilBlocks } from "./pool-results.ts";

const SHARES = 5;

/** The reference implementation's mining device mines at `lode pool`. */
export const miningDeviceOnLode: InteropTest = {
  name: "mining-device-on-lode",
  needs: ["bitcoinNode", "miningDevice"],
  async run(bench, peers) {
    const core = await startBitcoinCore(bench, peers.bitcoinNode);
    const templates = await startLodeTemplateProvider(bench, core);
    const payoutAddress = await core.newAddress();
    const pool = await startLodePool(bench, {
      templates,
      node: core,
      payoutAddress,
      minDifficulty: 4e-6,
      sharesPerMinute: 30,
    });
    const height = await core.height();
    const device = startMiningDevice(bench, peers.miningDevice, {
      port: pool.port,
      publicKey: pool.publicKey,
      user: `${payoutAddress}.device`,
      ...SLOW_DEVICE,
    });
    await bench.until(
      `${SHARES} accepted shares of mining_device`,
      120,
      async () => (await pool.counts()).accepted >= SHARES,
      [pool.process, device.process],
    );
    const block = await untilBlocks(bench, core, pool, height, 1);
    checkBlock(bench, block, payoutAddress, []);
    await device.process.stop();
    await checkShares(bench, pool);
  },
};
