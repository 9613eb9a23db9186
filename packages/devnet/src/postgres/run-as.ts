import { spawnSync } from "node:child_process";
import { CodedError } from "@lode/ports";

/** Root cannot run Postgres, and there is nobody else to do it. */
export class NoUserError extends CodedError<{ code: "no-unprivileged-user" }> {}

/** Who runs Postgres. */
export interface PostgresUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Users that exist on common systems and own nothing of worth. */
const CANDIDATES = ["postgres", "nobody"];

/**
 * Postgres refuses to run as root: then an existing unprivileged user does it. Null when this process is not root. No
 * user is ever created.
 *
 * @throws NoUserError
 */
export function unprivilegedUser(): PostgresUser | null {
  if (process.getuid?.() !== 0) return null;
  for (const name of CANDIDATES) {
    const uid = numberFrom("id", ["-u", name]);
    const gid = numberFrom("id", ["-g", name]);
    if (uid !== null && gid !== null && uid !== 0) return { name, uid, gid };
  }
  throw new NoUserError(
    { code: "no-unprivileged-user" },
    `Postgres does not run as root, and neither of the users ${CANDIDATES.join(", ")} exists: start as another user, or name a database of yours with --database-url`,
  );
}

/** True when the user may read everything that starting the program needs, and enter `directory`. */
export function canReach(user: PostgresUser, program: string, directory: string): boolean {
  const options = { uid: user.uid, gid: user.gid, cwd: "/", stdio: "ignore" as const };
  const runs = spawnSync(program, ["--version"], options);
  const enters = spawnSync("test", ["-x", directory], options);
  return runs.status === 0 && enters.status === 0;
}

function numberFrom(program: string, args: readonly string[]): number | null {
  const { status, stdout } = spawnSync(program, [...args], { encoding: "utf8" });
  return status === 0 && /^\d+\s*$/.test(stdout) ? Number(stdout) : null;
}
