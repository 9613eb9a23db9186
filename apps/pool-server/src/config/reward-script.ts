import { AddressError, type NetworkName, parseAddress, scriptSpender } from "@lode/bitcoin";
import { IdentityError } from "@lode/mining";
import { CodedError } from "@lode/ports";

/** A `coinbase_reward_script` that pays nobody we can name. The message says why. */
export class RewardScriptError extends CodedError<{ code: "invalid-reward-script"; text: string }> {}

/** Longest script an output is expected to have, bytes; consensus allows 10,000, standard ones need far less. */
const MAX_SCRIPT = 520;

/**
 * Reads `coinbase_reward_script`: an address, `addr(ADDRESS)` or `raw(HEX)` (BIP385). Scripts that burn the reward are
 * refused, and those that anyone can spend, except on regtest.
 *
 * @throws RewardScriptError
 */
export function parseRewardScript(text: string, network: NetworkName): Uint8Array {
  const script = readScript(text, network);
  const spender = scriptSpender(script);
  if (spender.who === "nobody")
    throw invalid(text, `nobody could spend the reward: the script ${spender.why}`);
  if (spender.who === "anyone" && network !== "regtest")
    throw invalid(text, `anyone could take the reward: the script ${spender.why}`);
  return script;
}

function readScript(text: string, network: NetworkName): Uint8Array {
  const raw = /^raw\(([0-9a-fA-F]*)\)$/.exec(text)?.[1];
  if (raw !== undefined && raw.length > 2 * MAX_SCRIPT)
    throw invalid(text, `is longer than ${MAX_SCRIPT} bytes`);
  if (raw !== undefined && raw.length > 0 && raw.length % 2 === 0)
    return new Uint8Array(Buffer.from(raw, "hex"));
  const address = /^addr\((.*)\)$/.exec(text)?.[1] ?? text;
  if (address === "" || /[()]/.test(address))
    throw invalid(text, `${JSON.stringify(text.slice(0, 100))} is not an address, addr(ADDRESS) or raw(HEX)`);
  try {
    return parseAddress(address, network).script;
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    const { message } = IdentityError.ofAddress(error);
    throw invalid(text, `${JSON.stringify(address.slice(0, 100))}: ${message}`, error);
  }
}

function invalid(text: string, message: string, cause?: unknown): RewardScriptError {
  return new RewardScriptError(
    { code: "invalid-reward-script", text },
    message,
    cause === undefined ? {} : { cause },
  );
}
