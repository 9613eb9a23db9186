import type postgres from "postgres";

/** A session of the same name in the same database. */
export interface Namesake {
  /** The client's address; null for a Unix socket. */
  readonly address: string | null;
  /** When it connected, milliseconds since the epoch. */
  readonly since: number;
}

/** Sessions of this database that call themselves `applicationName`, oldest first; one's own is among them. */
export async function sessionsNamed(sql: postgres.Sql, applicationName: string): Promise<Namesake[]> {
  const rows = await sql<{ address: string | null; since: string }[]>`
    select host(client_addr) as address, extract(epoch from backend_start) * 1000 as since
    from pg_stat_activity
    where datname = current_database() and application_name = ${applicationName}
    order by backend_start`;
  return rows.map(({ address, since }) => ({ address, since: Number(since) }));
}
