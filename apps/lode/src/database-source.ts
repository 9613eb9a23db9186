import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { poolServerSchema } from "@lode/pool-server";
import { ExitCode, ExitError } from "@lode/service";
import { type Arguments, type Option, text } from "./command.ts";
import { loadFrom, sourceOptions } from "./commands/configured.ts";

/** File in the data directory of a running `lode dev` that holds its database's URL; only its owner can read it. */
export const DATABASE_URL_FILE = "database-url";
const DEV_DIRECTORY = ".lode";

/** Options of every command that reads the database. */
export const databaseOptions: Readonly<Record<string, Option>> = {
  url: {
    type: "string",
    value: "URL",
    help: "Postgres; default: that of --config, or of a running lode dev.",
  },
  "data-dir": {
    type: "string",
    value: "DIR",
    help: `Data directory of a running lode dev (${DEV_DIRECTORY}).`,
  },
  ...sourceOptions,
};

/** The pool's configuration where the command line or the environment names one. */
export function poolConfig(args: Arguments) {
  const { LODE_CONFIG, LODE_DATABASE__URL, LODE_DATABASE__URL_FILE } = process.env;
  const isNamed = [text(args, "config"), LODE_CONFIG, LODE_DATABASE__URL, LODE_DATABASE__URL_FILE].some(
    (value) => value !== undefined && value !== "",
  );
  return isNamed ? loadFrom(poolServerSchema, args) : undefined;
}

/** Which database a command is to read. @throws ExitError that says how to name one */
export function databaseUrl(args: Arguments): string {
  const url = text(args, "url") ?? poolConfig(args)?.database.url;
  if (url !== undefined) return url;
  const file = join(text(args, "data-dir") ?? DEV_DIRECTORY, DATABASE_URL_FILE);
  if (existsSync(file)) return readFileSync(file, "utf8").trim();
  throw new ExitError(
    ExitCode.usage,
    "name the database: --url, --config, LODE_DATABASE__URL, or --data-dir of a lode dev that is running",
  );
}
