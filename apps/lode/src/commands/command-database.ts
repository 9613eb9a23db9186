import { ExitCode, ExitError } from "@lode/service";
import { type Arguments, text } from "../command.ts";

/** The database that a command was told by --url, or the environment's. @throws ExitError when there is none */
export function commandDatabase(args: Arguments): { readonly connection: string; readonly setting: string } {
  const given = text(args, "url");
  const connection = given ?? process.env["LODE_DATABASE__URL"];
  if (connection === undefined)
    throw new ExitError(ExitCode.usage, "name the database: --url or LODE_DATABASE__URL");
  return { connection, setting: given === undefined ? "LODE_DATABASE__URL" : "--url" };
}
