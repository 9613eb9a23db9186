import { concatBytes } from "./bytes.ts";
import { encodeCompactSize } from "./compact-size.ts";

/**
 * A serialized block, ready for `submitblock`.
 *
 * @param header 80 bytes
 * @param coinbase full serialization, with its witness (see `coinbaseWithWitness`)
 * @param txs every other transaction, full serialization, in template order
 */
export function assembleBlock(
  header: Uint8Array,
  coinbase: Uint8Array,
  txs: readonly Uint8Array[],
): Uint8Array {
  return concatBytes(header, encodeCompactSize(txs.length + 1), coinbase, ...txs);
}
