import { describeFailure, ExitCode, ExitError, suggestion } from "@lode/service";
import { type Command, commandHelp, parseCommand } from "./command.ts";
import { accountsCommand } from "./commands/accounts.ts";
import { auditCommand } from "./commands/audit.ts";
import { blocksCommand } from "./commands/blocks.ts";
import { dbCommand } from "./commands/db.ts";
import { decodeCommand } from "./commands/decode.ts";
import { devCommand } from "./commands/dev.ts";
import { keysCommand } from "./commands/keys.ts";
import { payoutsCommand } from "./commands/payouts.ts";
import { poolCommand } from "./commands/pool.ts";
import { proxyCommand } from "./commands/proxy.ts";
import { simulateCommand } from "./commands/simulate.ts";
import { templateProviderCommand } from "./commands/template-provider.ts";
import { version } from "./version.ts";

const commands: readonly Command[] = [
  devCommand,
  poolCommand,
  templateProviderCommand,
  proxyCommand,
  payoutsCommand,
  accountsCommand,
  auditCommand,
  simulateCommand,
  keysCommand,
  dbCommand,
  blocksCommand,
  decodeCommand,
];

/**
 * Runs one command line to its end. Failures are told on standard error.
 *
 * @param argv the words after `lode`
 * @returns what the process should exit with
 */
export async function run(argv: readonly string[]): Promise<ExitCode> {
  try {
    return await runCommand(argv);
  } catch (error) {
    const { exitCode, message } = describeFailure(error);
    process.stderr.write(`lode: ${message}\n`);
    return exitCode;
  }
}

async function runCommand(argv: readonly string[]): Promise<ExitCode> {
  const [name, ...rest] = argv;
  if (name === undefined || name === "help" || name === "--help" || name === "-h") {
    process.stdout.write(help());
    return name === undefined ? ExitCode.usage : ExitCode.ok;
  }
  if (name === "--version" || name === "-v") {
    process.stdout.write(`lode ${version} (Node ${process.version})\n`);
    return ExitCode.ok;
  }
  const command = commands.find((candidate) => candidate.name === name);
  if (command === undefined) {
    const hint = suggestion(
      name,
      commands.map((candidate) => candidate.name),
    );
    throw new ExitError(
      ExitCode.usage,
      `there is no command ${JSON.stringify(name)}${hint}\nSee: lode --help`,
    );
  }
  const args = parseCommand(command, rest);
  if (args.help) {
    process.stdout.write(commandHelp(command));
    return ExitCode.ok;
  }
  return command.run(args);
}

function help(): string {
  return [
    "Usage: lode COMMAND [options]",
    "",
    "Lode is a Stratum V2 mining pool.",
    "",
    "Commands:",
    ...commands.map(({ name, summary }) => `  ${name.padEnd(19)}${summary}`),
    "",
    "lode COMMAND --help shows a command's options; lode --version the version.",
    "",
  ].join("\n");
}
