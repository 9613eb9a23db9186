import { type AddressError, internalToDisplay, parseAddress, sha256d } from "@lode/bitcoin";
import { buildCandidate, type CandidateTransaction, grind } from "../chain/candidate.ts";
import { integerArgument, stringArgument } from "./arguments.ts";
import { templateTransactions } from "./block-template.ts";
import type { MethodTable, NodeState } from "./node-state.ts";
import { RpcCode, RpcFailure } from "./rpc-failure.ts";

const DEFAULT_MAX_TRIES = 1_000_000;

/** Mining by command, for tests. It blocks the process while it searches, so the target should be easy. */
export const generateMethods: MethodTable = {
  generatetoaddress: {
    parameters: ["nblocks", "address", "maxtries?"],
    run(node, [count, address, tries]) {
      const script = addressArgument(address);
      const maxTries = integerArgument(tries, "maxtries", DEFAULT_MAX_TRIES);
      const hashes: string[] = [];
      for (let i = integerArgument(count, "nblocks"); i > 0; i--) {
        const hash = generate(node, script, templateTransactions(node), maxTries);
        if (hash === undefined) break;
        hashes.push(hash);
      }
      return hashes;
    },
  },
  generateblock: {
    parameters: ["output", "transactions"],
    run(node, [address, txids]) {
      if (!Array.isArray(txids)) throw new RpcFailure(RpcCode.typeError, "transactions is not an array");
      const entries = txids.map((id: unknown) => {
        const entry = node.mempool.entry(stringArgument(id, "txid"));
        if (entry === undefined) {
          throw new RpcFailure(RpcCode.invalidAddressOrKey, `Transaction ${String(id)} not in mempool.`);
        }
        return entry;
      });
      const hash = generate(node, addressArgument(address), entries, DEFAULT_MAX_TRIES);
      if (hash === undefined) throw new RpcFailure(RpcCode.miscError, "Failed to make block.");
      return { hash };
    },
  },
};

function generate(
  { chain, clock, random }: NodeState,
  payoutScript: Uint8Array,
  transactions: readonly CandidateTransaction[],
  maxTries: number,
): string | undefined {
  const parent = chain.tip;
  const ntime = Math.max(Math.floor(clock.now() / 1000), parent.medianTimePast + 1);
  const extranonce = random(8);
  const block = buildCandidate(chain.parameters, { parent, payoutScript, transactions, ntime, extranonce });
  if (!grind(block, maxTries)) return undefined;
  const reason = chain.submit(block);
  if (reason !== null) throw new RpcFailure(RpcCode.verifyError, `TestBlockValidity failed: ${reason}`);
  return internalToDisplay(sha256d(block.subarray(0, 80)));
}

function addressArgument(value: unknown): Uint8Array {
  try {
    return parseAddress(stringArgument(value, "address"), "regtest").script;
  } catch (error) {
    if (error instanceof RpcFailure) throw error;
    throw new RpcFailure(
      RpcCode.invalidAddressOrKey,
      `Error: Invalid address (${(error as AddressError).code})`,
    );
  }
}
