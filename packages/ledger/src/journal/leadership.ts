import type { Clock } from "@lode/ports";
import type postgres from "postgres";
import type { Fence } from "./journal-error.ts";

/** Roles with one leader each. */
export type LeaderRole = "sequencer" | "settler" | "payer";

/** How long a leader stays without renewing, by the database's clock. */
export const LEASE_SECONDS = 10;
/** How often a leader renews, milliseconds. */
export const RENEW_MS = 3_000;
/** A leader that could not renew for this long by its own clock stops acting, milliseconds. */
export const GIVE_UP_MS = 8_000;

/**
 * One process's claim to lead. The row decides, in the database's clock; the epoch in each write keeps one who believes to
 * lead from harm. No session state, so a transaction pooler is fine.
 */
export class Leadership {
  readonly #sql: postgres.ISql;
  readonly #clock: Clock;
  readonly #role: LeaderRole;
  readonly #holder: string;
  #epoch = 0;
  /** Monotonic time up to which it may act. */
  #until = Number.NEGATIVE_INFINITY;

  /** @param holder names the process for people: host and process id */
  constructor(deps: { sql: postgres.ISql; clock: Clock; role: LeaderRole; holder: string }) {
    this.#sql = deps.sql;
    this.#clock = deps.clock;
    this.#role = deps.role;
    this.#holder = deps.holder;
  }

  /** The fence to write under, or null while somebody else leads. */
  get fence(): Fence | null {
    return this.#clock.monotonic() < this.#until ? { role: this.#role, epoch: this.#epoch } : null;
  }

  /** Renews, or takes over a role that nobody holds. True when this process leads. Failures of the database pass on. */
  async claim(): Promise<boolean> {
    const asked = this.#clock.monotonic();
    const [row] =
      this.#epoch > 0
        ? await this.#sql<{ epoch: string }[]>`
            update leader set until = now() + ${LEASE_SECONDS} * interval '1 second'
            where role = ${this.#role} and epoch = ${this.#epoch} and until > '-infinity' returning epoch`
        : await this.#sql<{ epoch: string }[]>`
            update leader set epoch = epoch + 1, holder = ${this.#holder}, until = now() + ${LEASE_SECONDS} * interval '1 second'
            where role = ${this.#role} and until < now() returning epoch`;
    if (row === undefined) {
      this.#until = Number.NEGATIVE_INFINITY;
      this.#epoch = 0;
      return false;
    }
    this.#epoch = Number(row.epoch);
    // Counted from before the question: the database's lease ends later than ours.
    this.#until = asked + GIVE_UP_MS;
    return true;
  }

  /** Steps down, so that another need not wait for the lease to end. */
  async resign(): Promise<void> {
    const epoch = this.#epoch;
    this.#epoch = 0;
    this.#until = Number.NEGATIVE_INFINITY;
    if (epoch === 0) return;
    await this.#sql`update leader set until = '-infinity' where role = ${this.#role} and epoch = ${epoch}`;
  }
}
