import { addressOfScript, type NetworkName, transactionOutputs } from "@lode/bitcoin";
import type { BlockCandidate } from "@lode/pool-server";

/** One line about a block that was accepted: who found it, and what it pays whom. */
export function blockNotice(block: BlockCandidate, network: NetworkName): string {
  const paid = transactionOutputs(new Uint8Array(Buffer.from(block.coinbaseTx, "hex")))
    .filter(({ sats }) => sats > 0n)
    .map(({ sats, script }) => {
      const hex = Buffer.from(script).toString("hex");
      const whom = hex === block.finderScript ? "the finder" : (addressOfScript(script, network) ?? hex);
      return `${sats / 100_000_000n}.${String(sats % 100_000_000n).padStart(8, "0")} BTC to ${whom}`;
    });
  return `block ${block.height} accepted: found by ${block.finder}, pays ${paid.join(" and ")}`;
}
