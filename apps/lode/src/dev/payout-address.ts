import { addressOfScript, type NetworkName, sha256d } from "@lode/bitcoin";
import { parseRewardScript, RewardScriptError } from "@lode/pool-server";
import { ExitCode, ExitError } from "@lode/service";

/** The built-in chain in a message, and the ways out. */
export const BUILT_IN_CHAIN =
  "the built-in chain: leave the option out, or mine on your own node with --bitcoind";

/**
 * The address that receives block rewards must be one of the chain's network; on regtest there need not be one.
 *
 * @param chain what the pool mines on, for the message
 * @throws ExitError that names both networks
 */
export function checkPayoutAddress(address: string | null, network: NetworkName, chain: string): void {
  if (address === null) {
    if (network === "regtest") return;
    throw new ExitError(
      ExitCode.usage,
      `the node is on ${network}, where blocks are worth something: name who receives them with --payout-address`,
    );
  }
  // The simulated miner mines for it, and miners name addresses alone.
  if (/[()]/.test(address)) throw new ExitError(ExitCode.usage, "--payout-address takes an address");
  try {
    parseRewardScript(address, network);
  } catch (error) {
    if (!(error instanceof RewardScriptError)) throw error;
    throw new ExitError(ExitCode.usage, `--payout-address ${error.message} (${chain})`, { cause: error });
  }
}

/** On regtest coins are worth nothing: an address that nobody has the key of will do. */
export function exampleAddress(seed: string): string {
  const program = sha256d(new TextEncoder().encode(seed));
  const address = addressOfScript(Uint8Array.of(0x00, 0x20, ...program), "regtest");
  if (address === undefined) throw new Error("a P2WSH script has an address");
  return address;
}
