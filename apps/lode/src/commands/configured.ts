import { exampleConfig, formatConfig, loadConfig } from "@lode/service";
import type { Static, TSchema } from "typebox";
import { type Arguments, flag, type Option, text } from "../command.ts";

/** Options of every command that has a configuration. */
export const configOptions: Readonly<Record<string, Option>> = {
  config: { type: "string", short: "c", value: "FILE", help: "TOML configuration file." },
  set: {
    type: "string",
    multiple: true,
    value: "SECTION.KEY=VALUE",
    help: "Set one key; may be repeated. Goes over file and environment.",
  },
  "check-config": { type: "boolean", help: "Check the configuration and leave." },
  "print-config": { type: "boolean", help: "Print the configuration in force, without secrets, and leave." },
  "example-config": {
    type: "boolean",
    help: "Print a commented file with every key at its default, and leave.",
  },
};

/**
 * Loads a command's configuration: defaults, file, environment, command line. Null when the user only wanted to look at
 * it, which is done then. @throws ConfigError
 */
export function configured<S extends TSchema>(schema: S, args: Arguments): Static<S> | null {
  if (flag(args, "example-config")) {
    process.stdout.write(exampleConfig(schema));
    return null;
  }
  const file = text(args, "config") ?? process.env["LODE_CONFIG"];
  const set = args.values["set"];
  const config = loadConfig({
    schema,
    ...(file === undefined ? {} : { file }),
    env: process.env,
    set: Array.isArray(set) ? set.map(String) : [],
  });
  if (flag(args, "print-config")) process.stdout.write(formatConfig(schema, config));
  else if (flag(args, "check-config")) process.stdout.write("the configuration is valid\n");
  else return config;
  return null;
}
