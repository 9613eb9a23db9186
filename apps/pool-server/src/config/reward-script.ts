import { type NetworkName, parseAddress } from "@lode/bitcoin";
import { CodedError } from "@lode/ports";

/** A `coinbase_reward_script` that pays nobody we can name. */
export class RewardScriptError extends CodedError<{ code: "invalid-reward-script"; text: string }> {}

/** Longest script an output is expected to have, bytes; consensus allows 10,000, standard ones need far less. */
const MAX_SCRIPT = 520;

/**
 * Reads `coinbase_reward_script`: an address, `addr(ADDRESS)` or `raw(HEX)` (BIP385).
 *
 * @throws RewardScriptError, and what `parseAddress` throws
 */
export function parseRewardScript(text: string, network: NetworkName): Uint8Array {
  const raw = /^raw\(([0-9a-fA-F]*)\)$/.exec(text)?.[1];
  if (raw !== undefined) {
    if (raw.length === 0 || raw.length % 2 !== 0 || raw.length > 2 * MAX_SCRIPT) throw invalid(text);
    return new Uint8Array(Buffer.from(raw, "hex"));
  }
  const address = /^addr\((.*)\)$/.exec(text)?.[1] ?? text;
  if (address === "" || /[()]/.test(address)) throw invalid(text);
  return parseAddress(address, network).script;
}

function invalid(text: string): RewardScriptError {
  return new RewardScriptError(
    { code: "invalid-reward-script", text },
    `coinbase_reward_script ${JSON.stringify(text)} is not an address, addr(ADDRESS) or raw(HEX)`,
  );
}
