import { type ParseArgsConfig, parseArgs } from "node:util";
import { ExitCode, ExitError, hostPortProblem, suggestion } from "@lode/service";

/** An option of a command, as `node:util` parseArgs takes it, with its help. */
export interface Option {
  readonly type: "string" | "boolean";
  readonly short?: string;
  readonly multiple?: boolean;
  /** What the value is, for the help: `PATH`. */
  readonly value?: string;
  readonly help: string;
}

/** What a command gets: option values by name, and what stands between them. */
export interface Arguments {
  readonly values: Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;
  readonly positionals: readonly string[];
}

/** One command of the command line. */
export interface Command {
  readonly name: string;
  readonly summary: string;
  /** What follows the name, for the help: `generate|show`. */
  readonly operands?: string;
  /** Paragraphs for the help. */
  readonly details?: string;
  readonly options: Readonly<Record<string, Option>>;
  run(args: Arguments): Promise<ExitCode>;
}

const HELP: Option = { type: "boolean", short: "h", help: "Show this help." };

/** Reads a command's arguments. @throws ExitError with exit code 2 */
export function parseCommand(command: Command, argv: readonly string[]): Arguments & { help: boolean } {
  const options: NonNullable<ParseArgsConfig["options"]> = {};
  for (const [name, option] of Object.entries({ ...command.options, help: HELP })) {
    options[name] = {
      type: option.type,
      ...(option.short === undefined ? {} : { short: option.short }),
      ...(option.multiple === undefined ? {} : { multiple: option.multiple }),
    };
  }
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      options,
      allowPositionals: true,
      strict: true,
    });
    return { values, positionals, help: values["help"] === true };
  } catch (error) {
    const message = error instanceof Error ? error.message.split(".")[0] : String(error);
    const unknown = /'--([^' =]+)/.exec(message ?? "")?.[1] ?? "";
    const hint =
      command.options[unknown] === undefined ? suggestion(unknown, Object.keys(command.options)) : "";
    throw new ExitError(ExitCode.usage, `${message}${hint}\nSee: lode ${command.name} --help`);
  }
}

/** The help of one command. */
export function commandHelp(command: Command): string {
  const rows = Object.entries({ ...command.options, help: HELP }).map(([name, option]) => {
    const short = option.short === undefined ? "    " : `-${option.short}, `;
    const value = option.type === "string" ? ` ${option.value ?? "VALUE"}` : "";
    return [`  ${short}--${name}${value}`, option.help] as const;
  });
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  return [
    `Usage: lode ${command.name}${command.operands === undefined ? "" : ` ${command.operands}`} [options]`,
    "",
    command.summary,
    ...(command.details === undefined ? [] : ["", command.details.trim()]),
    "",
    "Options:",
    ...rows.map(([left, right]) => `${left.padEnd(width)}${right}`),
    "",
  ].join("\n");
}

/** A string option, or undefined. */
export function text(args: Arguments, name: string): string | undefined {
  const value = args.values[name];
  return typeof value === "string" ? value : undefined;
}

/** A whole number option within bounds. @throws ExitError with exit code 2 */
export function integer(args: Arguments, name: string, least: number, most: number): number | undefined {
  const value = text(args, name);
  if (value === undefined) return undefined;
  const number = Number(value);
  if (!/^\d+$/.test(value) || number < least || number > most) {
    throw new ExitError(
      ExitCode.usage,
      `--${name} takes a whole number from ${least} to ${most}, not ${JSON.stringify(value)}`,
    );
  }
  return number;
}

/** A HOST:PORT option. @throws ExitError with exit code 2 */
export function address(args: Arguments, name: string): string | undefined {
  const value = text(args, name);
  const problem = value === undefined ? null : hostPortProblem(value);
  if (problem !== null) throw new ExitError(ExitCode.usage, `--${name}: ${problem}`);
  return value;
}

/** True when a switch was given. */
export function flag(args: Arguments, name: string): boolean {
  return args.values[name] === true;
}
