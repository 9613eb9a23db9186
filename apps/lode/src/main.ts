#!/usr/bin/env node
import { describeFailure, ExitCode, ExitError, suggestion } from "@lode/service";
import { type Command, commandHelp, parseCommand } from "./command.ts";
import { dbCommand } from "./commands/db.ts";
import { decodeCommand } from "./commands/decode.ts";
import { devCommand } from "./commands/dev.ts";
import { keysCommand } from "./commands/keys.ts";
import { poolCommand } from "./commands/pool.ts";
import { simulateCommand } from "./commands/simulate.ts";
import { templateProviderCommand } from "./commands/template-provider.ts";
import { version } from "./version.ts";

const commands: readonly Command[] = [
  devCommand,
  poolCommand,
  templateProviderCommand,
  simulateCommand,
  keysCommand,
  dbCommand,
  decodeCommand,
];

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

async function run(argv: readonly string[]): Promise<ExitCode> {
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

// A reader that goes away (`lode … | head`) is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(ExitCode.ok);
  throw error;
});

try {
  process.exitCode = await run(process.argv.slice(2));
} catch (error) {
  const { exitCode, message } = describeFailure(error);
  process.stderr.write(`lode: ${message}\n`);
  process.exitCode = exitCode;
}

// Everything has been stopped or has failed to. The end is asked for: left to an empty event loop, Node waits for requests
// of closed handles, and about one `lode dev` in thirty then spins for good (Environment::CleanupHandles, seen in Node 20).
process.stdout.write("", () => process.stderr.write("", () => process.exit()));
