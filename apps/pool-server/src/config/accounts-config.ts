import type { NetworkName } from "@lode/bitcoin";
import { identifier, MAX_ACCOUNT_NAME } from "@lode/mining";
import { section } from "@lode/service";
import Type, { type Static } from "typebox";

const namedAccount = section({
  name: Type.String({
    description: "What miners put before the worker: letters, digits and hyphens; case does not matter.",
    default: "",
    maxLength: MAX_ACCOUNT_NAME,
  }),
  address: Type.String({ description: "Where the account is paid, on the pool's network.", default: "" }),
});

/** The `[accounts]` section: who miners may say they are. */
export const accountsSection = section({
  mode: Type.Union([Type.Literal("addresses"), Type.Literal("accounts"), Type.Literal("both")], {
    description: "What a user identity starts with: an address, the name of an account below, or either.",
    default: "addresses",
  }),
  sriIdentities: Type.Boolean({
    description:
      "Read the reference pool's identities: sri/solo/ADDRESS/WORKER, sri/donate/PERCENT/ADDRESS/WORKER, sri/donate/WORKER.",
    default: true,
  }),
  named: Type.Array(namedAccount, {
    description: "Accounts by name. Two accounts of one address are paid together.",
    default: [],
    maxItems: 10_000,
  }),
});

/**
 * The pool's `identify` as configured.
 *
 * @throws AccountsError, whose message says which account is wrong and why
 */
export function configuredIdentifier(
  network: NetworkName,
  { mode, named }: Pick<Static<typeof accountsSection>, "mode" | "named">,
): ReturnType<typeof identifier> {
  return identifier({ network, mode, accounts: named });
}
