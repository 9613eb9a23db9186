import { migrate, migrationStatus, migrationsDirectory, openDatabase, verifyMigrations } from "@lode/ledger";
import { ExitCode, ExitError } from "@lode/service";
import { type Command, flag, text } from "../command.ts";

export const dbCommand: Command = {
  name: "db",
  operands: "migrate|status|verify",
  summary: "Bring the database's tables up to date, or look whether they are.",
  details: `migrate  applies what is missing, in order
status   lists every migration and whether it is applied
verify   fails unless everything is applied and unchanged`,
  options: {
    url: { type: "string", value: "URL", help: "Postgres; default: the environment's LODE_DATABASE__URL." },
    json: { type: "boolean", help: "Print one JSON object." },
  },
  async run(args) {
    const url = text(args, "url") ?? process.env["LODE_DATABASE__URL"];
    if (url === undefined)
      throw new ExitError(ExitCode.usage, "name the database: --url or LODE_DATABASE__URL");
    const [action] = args.positionals;
    const database = openDatabase(url, { max: 1 });
    const say = (line: string) => flag(args, "json") || process.stdout.write(`${line}\n`);
    try {
      if (action === "migrate") {
        await migrate(database, migrationsDirectory, {
          onProgress: (progress) => {
            if (progress.step === "waiting") say("another process is migrating; waiting");
            else say(`${progress.step.padEnd(8)} ${progress.file}`);
          },
        });
      } else if (action === "verify") {
        await verifyMigrations(database, migrationsDirectory);
        say("every migration is applied and unchanged");
      } else if (action !== "status") {
        throw new ExitError(ExitCode.usage, "say what to do: lode db migrate, status or verify");
      }
      const states = await migrationStatus(database, migrationsDirectory);
      if (action === "status") for (const state of states) say(`${state.state.padEnd(8)} ${state.file}`);
      if (flag(args, "json")) process.stdout.write(`${JSON.stringify({ migrations: states })}\n`);
      return ExitCode.ok;
    } finally {
      await database.end();
    }
  },
};
