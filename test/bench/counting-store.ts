import {
  type CommitContext,
  migrate,
  migrationsDirectory,
  openDatabase,
  PostgresShareStore,
  type ShareBatch,
  type ShareStore,
} from "@lode/ledger";
import { systemClock } from "@lode/ports";
import type { PoolRequest } from "./pool-protocol.ts";

/** Counts what another store is given; alone, it is the store in memory: durable as soon as asked. */
export class CountingStore implements ShareStore {
  commits = 0;
  stored = 0;
  readonly #behind: ShareStore | undefined;

  /** Opens what the request names. */
  static async open(store: PoolRequest["store"]): Promise<CountingStore> {
    if (store.kind === "memory") return new CountingStore();
    const database = openDatabase(store.url, { max: 1 });
    await migrate(database, migrationsDirectory);
    await database.end();
    const behind = new PostgresShareStore({ connection: store.url, clock: systemClock });
    await behind.verifyDurability();
    return new CountingStore(behind);
  }

  constructor(behind?: ShareStore) {
    this.#behind = behind;
  }

  async commit(batch: ShareBatch, context?: CommitContext): Promise<void> {
    await this.#behind?.commit(batch, context);
    this.commits++;
    this.stored += batch.n;
  }

  async renew(run: string, ended: boolean): Promise<void> {
    await this.#behind?.renew(run, ended);
  }
}
