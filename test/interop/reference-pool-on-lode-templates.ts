import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseAddress } from "@lode/bitcoin";
import { systemRandom } from "@lode/ports";
import { freePort } from "@lode/testing/process";
import { encodeAuthorityPublicKey, encodeAuthoritySecretKey, generateKeypair } from "@lode/transport";
import { blockAt, sendSegwitPayments, startBitcoinCore } from "./bitcoin-core.ts";
import type { InteropTest } from "./interop-test.ts";
import { startLodeTemplateProvider, type TemplateAddress } from "./lode-processes.ts";
import { SLOW_DEVICE, startMiningDevice } from "./mining-device.ts";
import type { Workbench } from "./workbench.ts";

const PAYMENTS = 3;

/** `lode template-provider` feeds the reference pool; its block reaches the chain through our SubmitSolution. */
export const referencePoolOnLodeTemplates: InteropTest = {
  name: "reference-pool-on-lode-templates",
  needs: ["bitcoinNode", "poolSv2", "miningDevice"],
  async run(bench, peers) {
    const core = await startBitcoinCore(bench, peers.bitcoinNode);
    const payments = await sendSegwitPayments(core, PAYMENTS);
    const templates = await startLodeTemplateProvider(bench, core);
    const payoutAddress = await core.newAddress();
    const height = await core.height();
    const pool = await startReferencePool(bench, peers.poolSv2, templates, payoutAddress);
    const device = startMiningDevice(bench, peers.miningDevice, {
      ...pool,
      ...SLOW_DEVICE,
      user: "device",
    });
    await bench.until("block of the reference pool", 120, async () => (await core.height()) > height, [
      pool.process,
      device.process,
    ]);
    const block = await blockAt(core, height + 1);
    const script = Buffer.from(parseAddress(payoutAddress, "regtest").script).toString("hex");
    bench.check(
      block.tx[0]?.vout.some(({ scriptPubKey }) => scriptPubKey.hex === script) === true,
      `block ${block.height} pays the reference pool's script`,
    );
    bench.check(
      payments.every((txid) => block.tx.some((transaction) => transaction.txid === txid)),
      `the mempool's ${PAYMENTS} payments are in it`,
    );
  },
};

async function startReferencePool(
  bench: Workbench,
  program: string,
  templates: TemplateAddress,
  payoutAddress: string,
) {
  const keys = generateKeypair(systemRandom);
  const publicKey = encodeAuthorityPublicKey(keys.publicKey);
  const port = await freePort();
  const file = join(bench.folder, "pool.toml");
  writeFileSync(
    file,
    `authority_public_key = "${publicKey}"
authority_secret_key = "${encodeAuthoritySecretKey(keys.secretKey)}"
cert_validity_sec = 3600
listen_address = "127.0.0.1:${port}"
coinbase_reward_script = "addr(${payoutAddress})"
server_id = 1
pool_signature = "reference"
shares_per_minute = 12.0
share_batch_size = 2
[template_provider_type.Sv2Tp]
address = "127.0.0.1:${templates.port}"
public_key = "${templates.publicKey}"
`,
  );
  const log = join(bench.folder, "pool.log");
  const running = bench.start("pool_sv2", program, ["-c", file, "-f", log]);
  await bench.until(
    "templates in the reference pool",
    30,
    () => running.output().includes("ready to accept connections"),
    [running],
  );
  return { process: running, port, publicKey };
}
