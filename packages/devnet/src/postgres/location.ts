import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { canReach, type PostgresUser } from "./run-as.ts";

/** Where Postgres runs from. */
export interface PostgresLocation {
  /** Folder with `bin/`, `lib/`, `share/`. */
  readonly software: string;
  /** The cluster's data directory. */
  readonly cluster: string;
  /** True when the places had to be moved out of the data directory, because the user could not reach it. */
  readonly moved: boolean;
}

/** In the data directory: where a moved cluster lies. */
const REMEMBERED = "postgres-location";
const REACHABLE_PARENT = "/var/tmp";

/**
 * Chooses where the cluster lies: `<dataDir>/postgres`. If another user must run it and cannot reach the software or the
 * data directory (a checkout under a home of mode 0700), both go to a directory of that user's own, which is remembered
 * in the data directory, so that the next start continues from it.
 */
export function locate(dataDir: string, software: string, user: PostgresUser | null): PostgresLocation {
  mkdirSync(dataDir, { recursive: true });
  const cluster = join(dataDir, "postgres");
  if (user === null) return { software, cluster, moved: false };
  if (!existsSync(join(dataDir, REMEMBERED)) && canReach(user, join(software, "bin", "postgres"), dataDir)) {
    makeOwn(cluster, user);
    return { software, cluster, moved: false };
  }
  const home = remembered(dataDir, user) ?? newHome(dataDir, user);
  const copy = join(home, "software");
  if (!existsSync(join(copy, "bin", "postgres"))) {
    cpSync(software, copy, { recursive: true, verbatimSymlinks: true });
  }
  makeOwn(join(home, "cluster"), user);
  return { software: copy, cluster: join(home, "cluster"), moved: true };
}

/** A directory named in the data directory counts only while it still belongs to the user: /var/tmp is everybody's. */
function remembered(dataDir: string, user: PostgresUser): string | null {
  const note = join(dataDir, REMEMBERED);
  if (!existsSync(note)) return null;
  const home = readFileSync(note, "utf8").trim();
  const found = statSync(home, { throwIfNoEntry: false });
  return found?.isDirectory() === true && found.uid === user.uid ? home : null;
}

function newHome(dataDir: string, user: PostgresUser): string {
  const home = mkdtempSync(join(REACHABLE_PARENT, "lode-postgres-"));
  makeOwn(home, user);
  writeFileSync(join(dataDir, REMEMBERED), `${home}\n`);
  return home;
}

function makeOwn(directory: string, user: PostgresUser): void {
  mkdirSync(directory, { recursive: true });
  chmodSync(directory, 0o700);
  chownSync(directory, user.uid, user.gid);
}
