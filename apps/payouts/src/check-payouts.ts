import { parseDatabaseUrl } from "@lode/ledger";
import { directoryProblem, type KeyProblem, problemOf } from "@lode/service";
import type { PayoutsConfig } from "./config.ts";

/** What the keeper of the books cannot start with, beyond what the schema says: everything at once. */
export function checkPayouts({ database, payouts }: PayoutsConfig): KeyProblem[] {
  const problems = problemOf("database.url", () => parseDatabaseUrl(database.url));
  const message = directoryProblem(payouts.dataDir);
  return message === null ? problems : [...problems, { key: "payouts.data_dir", message }];
}
