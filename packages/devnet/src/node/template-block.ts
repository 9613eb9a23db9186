import {
  assembleBlock,
  bip34Push,
  buildCoinbase,
  coinbaseWithWitness,
  concatBytes,
  displayToInternal,
  merklePath,
  merkleRoot,
  serializeHeader,
  serializeOutput,
  sha256d,
} from "@lode/bitcoin";
import type { blockTemplate } from "./block-template.ts";

/** What getblocktemplate answers. */
export type BlockTemplate = ReturnType<typeof blockTemplate>;

/**
 * What a pool makes of a template, but for the nonce: its own coinbase that pays everything to one script, a header, and the
 * template's transactions. For tests.
 */
export function blockOfTemplate(template: BlockTemplate, payoutScript: Uint8Array): Uint8Array {
  const split = buildCoinbase({
    version: 2,
    prefix: bip34Push(template.height),
    tag: Buffer.from("/template/"),
    unique: new Uint8Array(12),
    extranonceSize: 20,
    sequence: 0xffff_fffe,
    outputs: concatBytes(
      serializeOutput(BigInt(template.coinbasevalue), payoutScript),
      serializeOutput(0n, Buffer.from(template.default_witness_commitment, "hex")),
    ),
    outputsCount: 2,
    locktime: template.height - 1,
  });
  const coinbase = concatBytes(split.prefix, new Uint8Array(20), split.suffix);
  const path = merklePath(template.transactions.map(({ txid }) => displayToInternal(txid)));
  const header = serializeHeader({
    version: template.version,
    prevHash: displayToInternal(template.previousblockhash),
    merkleRoot: merkleRoot(sha256d(coinbase), path),
    ntime: template.curtime,
    nbits: Number.parseInt(template.bits, 16),
    nonce: 0,
  });
  const transactions = template.transactions.map(({ data }) => Buffer.from(data, "hex"));
  return assembleBlock(header, coinbaseWithWitness(coinbase), transactions);
}
