import { parseAddress } from "@lode/bitcoin";
import { type BitcoinCore, blockAt, type VerboseBlock } from "./bitcoin-core.ts";
import { type LodePool, POOL_TAG } from "./lode-processes.ts";
import type { Workbench } from "./workbench.ts";

/** BIP141: OP_RETURN, push of 36 bytes, commitment header. */
const COMMITMENT_START = "6a24aa21a9ed";

/** Waits until the node's best chain has grown by `blocks` since `from`, and returns the first new block. */
export async function untilBlocks(
  bench: Workbench,
  core: BitcoinCore,
  pool: LodePool,
  from: number,
  blocks: number,
): Promise<VerboseBlock> {
  const grown = async () => (await core.height()) >= from + blocks;
  await bench.until(`chain of height ${from + blocks}`, 120, grown, [core.process, pool.process]);
  return blockAt(core, from + 1);
}

/** The block is the pool's: who is paid, whose tag, and the mempool's transactions with their witnesses. */
export function checkBlock(
  bench: Workbench,
  block: VerboseBlock,
  payoutAddress: string,
  mempool: readonly string[],
): void {
  const coinbase = block.tx[0];
  const script = Buffer.from(parseAddress(payoutAddress, "regtest").script).toString("hex");
  const outputs = coinbase?.vout ?? [];
  const paid = outputs.filter(({ scriptPubKey }) => scriptPubKey.hex === script);
  bench.say(`  block ${block.height} ${block.hash}: ${block.tx.length} transactions`);
  bench.check(
    paid.length === 1 && paid[0]?.value === outputs.reduce((sum, { value }) => sum + value, 0),
    `the coinbase pays its whole value (${paid[0]?.value} BTC) to the configured script`,
  );
  bench.check(isOfThePool(block), `the coinbase carries the tag "${POOL_TAG}"`);
  bench.check(
    outputs.some(({ scriptPubKey }) => scriptPubKey.hex.startsWith(COMMITMENT_START)),
    "the coinbase commits to the witnesses",
  );
  if (mempool.length === 0) return;
  const included = block.tx.filter(({ txid }) => mempool.includes(txid));
  bench.check(
    included.length === mempool.length && included.every(({ txid, hash }) => txid !== hash),
    `all ${mempool.length} segwit payments of the mempool are in the block, with witnesses`,
  );
}

/** Its coinbase carries the pool's tag. */
export function isOfThePool(block: VerboseBlock): boolean {
  return (block.tx[0]?.vin[0]?.coinbase ?? "").includes(Buffer.from(POOL_TAG).toString("hex"));
}

/**
 * Nothing but late shares was refused, and what was accepted is in Postgres, share for share.
 *
 * @param before shares that were in Postgres when the pool began to count
 */
export async function checkShares(bench: Workbench, pool: LodePool, before = 0): Promise<void> {
  const settled = await bench.until(
    "record of every accepted share",
    20,
    async () => {
      const { accepted } = await pool.counts();
      return accepted > 0 && (await pool.recordedShares()) - before === accepted
        ? await pool.counts()
        : undefined;
    },
    [pool.process],
  );
  const { "stale-share": late = 0, ...wrong } = settled.rejectedByCode;
  bench.check(
    Object.keys(wrong).length === 0,
    `no share was refused but for being late (accepted ${settled.accepted}, late ${late}, others ${JSON.stringify(wrong)})`,
  );
  const recorded = (await pool.recordedShares()) - before;
  bench.check(
    recorded === (await pool.counts()).accepted,
    `shares accepted = shares recorded in Postgres (${recorded})`,
  );
}
