import { withDatabase } from "@lode/ledger";
import {
  type AccountBalance,
  type AccountNumbers,
  accountBalances,
  accountNumbers,
  type WindowNumbers,
  windowNumbers,
} from "@lode/ledger/accounts";
import { ExitCode, ExitError } from "@lode/service";
import { type Command, flag, integer, type text } from "../command.ts";
import { commandDatabase } from "./command-database.ts";

export const accountsCommand: Command = {
  name: "accounts",
  operands: "[ADDRESS]",
  summary: "Show what miners are owed.",
  details: `Without an address: the accounts with the largest balances, and how the window stands.
immature   credited by blocks that are not 101 deep yet; an orphaned block takes it back
available  owed, and spendable
estimated  what a block found now would bring, if it were like the last one; nobody owes this`,
  options: {
    url: { type: "string", value: "URL", help: "Postgres; default: the environment's LODE_DATABASE__URL." },
    limit: { type: "string", value: "N", help: "How many accounts; default 20." },
    json: { type: "boolean", help: "Print one JSON object; amounts are satoshis." },
  },
  async run(args) {
    const [address] = args.positionals;
    return withDatabase(commandDatabase(args), async (sql) => {
      const window = await windowNumbers(sql);
      if (address !== undefined) {
        const numbers = await accountNumbers(sql, address);
        if (numbers === null) {
          throw new ExitError(
            ExitCode.usage,
            `nobody has mined to ${address}, or no slice with such a share is sealed yet (see lode accounts)`,
          );
        }
        print(args, { account: numbers, window }, accountLines(numbers, window));
      } else {
        const accounts = await accountBalances(sql, { limit: integer(args, "limit", 1, 100_000) ?? 20 });
        print(args, { accounts, window }, [...tableLines(accounts), ...windowLines(window)]);
      }
      return ExitCode.ok;
    });
  },
};

function print(args: Parameters<typeof text>[0], value: unknown, lines: readonly string[]): void {
  const json = () => JSON.stringify(value, (_, field) => (typeof field === "bigint" ? Number(field) : field));
  process.stdout.write(`${flag(args, "json") ? json() : lines.join("\n")}\n`);
}

function tableLines(accounts: readonly AccountBalance[]): string[] {
  if (accounts.length === 0) return ["no share is in a sealed slice yet"];
  const rows = [
    ["address", "immature", "available", "in payout", "earned"],
    ...accounts.map(({ address, immature, available, inPayout, earned }) => [
      address,
      ...[immature, available, inPayout, earned].map(String),
    ]),
  ];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!))).join("  "),
  );
}

function accountLines(numbers: AccountNumbers, window: WindowNumbers | null): string[] {
  const row = (name: string, amount: bigint) => `${name.padEnd(11)}${String(amount).padStart(16)} sat`;
  return [
    numbers.address,
    row("available", numbers.available),
    row("in payout", numbers.inPayout),
    row("carried", numbers.carried),
    row("immature", numbers.immature),
    ...numbers.immatureCredits.map(
      ({ block, height, confirmations, amount }) =>
        `  block ${height}  ${Math.min(confirmations, 100)}/100  ${amount} sat  ${block}`,
    ),
    `${row("estimated", numbers.estimated)} if a block were found now; not owed`,
    ...windowLines(window),
  ];
}

function windowLines(window: WindowNumbers | null): string[] {
  if (window === null) return [];
  const filled = `the window of ${window.n} blocks of work is ${Math.round(100 * window.filled)} % full`;
  const lasts =
    window.seconds === null ? "" : ` and lasts about ${duration(window.seconds)} at the present speed`;
  const chance = (100 * window.chanceNeverPaid).toPrecision(2);
  return [`${filled}${lasts}; a share is never paid with a chance of ${chance} %`];
}

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} seconds`;
  if (seconds < 5_400) return `${Math.round(seconds / 60)} minutes`;
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} hours` : `${Math.round(seconds / 86_400)} days`;
}
