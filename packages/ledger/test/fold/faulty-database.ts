import type { Database } from "../../src/database.ts";

/** Thrown where the process is killed. */
export class Killed extends Error {}

/** Counts the awaits of a program on its database, and kills it at one of them. */
export class KillPoint {
  #left: number;
  /** Awaits so far. */
  passed = 0;

  /** @param at the await to die at, counted from 0; infinity for none */
  constructor(at: number) {
    this.#left = at;
  }

  /** @throws Killed when it is time, and at every await after it: a dead process does nothing more */
  check(): void {
    this.passed++;
    if (this.#left-- <= 0) throw new Killed("killed");
  }
}

/**
 * A database whose every await may be the last: before a statement is sent, after it was answered, and after a commit whose
 * answer nobody hears any more.
 */
export function faultyDatabase(sql: Database, point: KillPoint): Database {
  const run = async (query: PromiseLike<unknown>) => {
    point.check();
    const rows = await query;
    point.check();
    return rows;
  };
  const wrap = (target: object): unknown =>
    new Proxy(target, {
      apply: (call, _, args) => run(Reflect.apply(call as () => PromiseLike<unknown>, undefined, args)),
      get(of, name) {
        const value = Reflect.get(of, name) as unknown;
        if (name !== "begin") return value;
        return async (body: (step: unknown) => Promise<unknown>) => {
          point.check();
          const result = await sql.begin(async (step) => body(wrap(step)));
          point.check();
          return result;
        };
      },
    });
  return wrap(sql) as Database;
}
