import {
  migrateDatabase,
  migrationStatus,
  migrationsDirectory,
  newerThan,
  verifyMigrations,
  withDatabase,
} from "@lode/ledger";
import { poolServerSchema } from "@lode/pool-server";
import { ExitCode, ExitError } from "@lode/service";
import { type Arguments, type Command, flag, text } from "../command.ts";
import { loadFrom, sourceOptions } from "./configured.ts";
import { partitionOptions, runPartitions } from "./db-partitions.ts";

export const dbCommand: Command = {
  name: "db",
  operands: "migrate|status|verify|partitions",
  summary: "Bring the database's tables up to date, or look whether they are.",
  details: `migrate     applies what is missing, in order
status      lists every migration and whether it is applied
verify      fails unless everything is applied and unchanged
partitions  lists the days of share batches and their sizes; creates and drops some if told to`,
  options: {
    url: { type: "string", value: "URL", help: "Postgres; default: that of --config." },
    ...sourceOptions,
    json: { type: "boolean", help: "Print one JSON object." },
    ...partitionOptions,
  },
  async run(args) {
    const config = hasConfig(args) ? loadFrom(poolServerSchema, args) : undefined;
    const url = text(args, "url") ?? config?.database.url;
    if (url === undefined) {
      throw new ExitError(ExitCode.usage, "name the database: --url, --config or LODE_DATABASE__URL");
    }
    const [action] = args.positionals;
    if (action !== "migrate" && action !== "verify" && action !== "status" && action !== "partitions")
      throw new ExitError(ExitCode.usage, "say what to do: lode db migrate, status, verify or partitions");
    const setting = text(args, "url") === undefined ? "database.url" : "--url";
    const database = { connection: url, setting };
    const say = (line: string) => flag(args, "json") || process.stdout.write(`${line}\n`);
    if (action === "partitions") {
      return withDatabase(database, (sql) => runPartitions(sql, args, config?.retention.batchDays));
    }
    if (action === "migrate") {
      await migrateDatabase(database, {
        onProgress: (progress) => {
          if (progress.step === "waiting") say("another process is migrating; waiting");
          else if (progress.step === "locked")
            say(`waiting  ${progress.file}: its tables are in use; it is tried again`);
          else say(`${progress.step.padEnd(8)} ${progress.file}`);
        },
      });
    }
    const states = await withDatabase(database, async (sql) => {
      if (action === "verify") await verifyMigrations(sql, migrationsDirectory);
      return migrationStatus(sql, migrationsDirectory);
    });
    if (action === "verify") say("every migration is applied and unchanged");
    const newer = newerThan(states);
    if (newer !== null) say(newer);
    if (action === "status") for (const state of states) say(`${state.state.padEnd(8)} ${state.file}`);
    if (flag(args, "json")) process.stdout.write(`${JSON.stringify({ migrations: states })}\n`);
    return ExitCode.ok;
  },
};

/** Whether the pool's configuration names the database, in whichever way. */
function hasConfig(args: Arguments): boolean {
  const { LODE_CONFIG, LODE_DATABASE__URL, LODE_DATABASE__URL_FILE } = process.env;
  return [text(args, "config"), LODE_CONFIG, LODE_DATABASE__URL, LODE_DATABASE__URL_FILE].some(
    (value) => value !== undefined && value !== "",
  );
}
