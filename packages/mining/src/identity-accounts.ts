import { AddressError, type NetworkName, parseAddress } from "@lode/bitcoin";
import { CodedError } from "@lode/ports";
import { type Identity, IdentityError, parseIdentity, splitIdentity } from "./identity.ts";

/** What a user identity may start with: an address, the name of an account, or either. */
export type AccountsMode = "addresses" | "accounts" | "both";

/** An account as an operator writes it down. */
export interface NamedAccount {
  /** Letters and digits with hyphens between them, 1 to {@link MAX_ACCOUNT_NAME} characters; upper and lower case are one. */
  readonly name: string;
  /** Where it is paid; of the pool's network. */
  readonly address: string;
}

/** How {@link identifier} tells users. */
export interface IdentifierOptions {
  readonly network: NetworkName;
  readonly mode: AccountsMode;
  /** Must be empty where the mode is `addresses`, and may not be empty otherwise. */
  readonly accounts: readonly NamedAccount[];
}

/** What is wrong with the accounts an operator wrote down; `name` is the account. */
export type AccountsErrorType =
  /** Against the grammar of {@link NamedAccount.name}. */
  | { code: "invalid-account-name"; name: string }
  /** Two accounts whose names differ by case at most. */
  | { code: "duplicate-account-name"; name: string }
  /** Nobody can be paid there; `reason` as `parseAddress` gives it. */
  | { code: "invalid-account-address"; name: string; reason: AddressError["type"]["code"] }
  /** A mode that asks for accounts, and there are none. */
  | { code: "no-accounts"; mode: AccountsMode }
  /** Accounts that the mode leaves unused: somebody forgot to turn them on. */
  | { code: "accounts-not-enabled"; accounts: number };
/** Thrown by {@link identifier}. */
export class AccountsError extends CodedError<AccountsErrorType> {}

/** Longest name. No address is as short, so no name can be taken for one (BIP173, base58check: 26 at least). */
export const MAX_ACCOUNT_NAME = 24;

/** Neither `.` nor `_`, which end the name in a user identity. */
const NAME = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;

/**
 * Makes the function that says who is paid for a channel. It is pure: every call is judged by its text alone, so two users
 * on one connection are two users.
 *
 * @throws AccountsError
 */
export function identifier(options: IdentifierOptions): (userIdentity: string) => Identity {
  const { network, mode } = options;
  const accounts = readAccounts(options);
  const byAddress = addressReader(network);
  if (mode === "addresses") return byAddress;
  return (userIdentity) => {
    const { name, worker } = splitIdentity(userIdentity);
    const account = name.length > MAX_ACCOUNT_NAME ? undefined : accounts.get(name.toLowerCase());
    if (account !== undefined) return { ...account, worker };
    if (mode === "both") return byAddress(userIdentity);
    throw new IdentityError(
      { code: "unknown-user" },
      "no account of that name; this pool pays named accounts only",
    );
  };
}

/** Addresses that are remembered: those of a large pool, a few hundred kilobytes. */
const KNOWN_ADDRESSES = 4_096;

/** As {@link parseIdentity}; a farm that opens thousands of channels for one address has it parsed once. */
function addressReader(network: NetworkName): (userIdentity: string) => Identity {
  const known = new Map<string, Omit<Identity, "worker">>();
  return (userIdentity) => {
    const { name, worker } = splitIdentity(userIdentity);
    let payee = known.get(name);
    if (payee === undefined) {
      const { payoutScript, address } = parseIdentity(name, network);
      payee = { payoutScript, address };
      if (known.size >= KNOWN_ADDRESSES) known.delete(known.keys().next().value!);
      known.set(name, payee);
    }
    return { ...payee, worker };
  };
}

type Account = Required<Pick<Identity, "payoutScript" | "address" | "account">>;

function readAccounts({ network, mode, accounts }: IdentifierOptions): Map<string, Account> {
  if (mode === "addresses" && accounts.length > 0) {
    throw new AccountsError(
      { code: "accounts-not-enabled", accounts: accounts.length },
      `${accounts.length} named accounts, but the mode is "addresses": set it to "accounts" or "both"`,
    );
  }
  if (mode !== "addresses" && accounts.length === 0) {
    throw new AccountsError({ code: "no-accounts", mode }, `the mode is "${mode}", but no account is named`);
  }
  const known = new Map<string, Account>();
  for (const { name, address } of accounts) {
    const account = name.toLowerCase();
    if (name.length > MAX_ACCOUNT_NAME || !NAME.test(account)) {
      throw new AccountsError(
        { code: "invalid-account-name", name },
        `account ${JSON.stringify(name)}: a name is 1 to ${MAX_ACCOUNT_NAME} letters, digits and hyphens between them`,
      );
    }
    if (known.has(account)) {
      throw new AccountsError(
        { code: "duplicate-account-name", name },
        `account "${account}" is named twice`,
      );
    }
    known.set(account, { account, ...payee(account, address, network) });
  }
  return known;
}

function payee(
  name: string,
  address: string,
  network: NetworkName,
): Pick<Identity, "payoutScript" | "address"> {
  try {
    const parsed = parseAddress(address, network);
    return { payoutScript: parsed.script, address: parsed.address };
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    const { message } = IdentityError.ofAddress(error);
    throw new AccountsError(
      { code: "invalid-account-address", name, reason: error.code },
      `account "${name}": ${message}`,
      { cause: error },
    );
  }
}
