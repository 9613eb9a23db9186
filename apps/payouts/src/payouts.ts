import { hostname } from "node:os";
import { type Database, describeDatabase, openDatabase, verifyMigrations, withDatabase } from "@lode/ledger";
import { AuditFiles, Publisher } from "@lode/ledger/audit";
import { putPolicy, Sequencer } from "@lode/ledger/fold";
import { type LeaderRole, Leadership } from "@lode/ledger/journal";
import { type Booked, Settler } from "@lode/ledger/settle";
import { type Counter, type Logger, type Metrics, systemClock } from "@lode/ports";
import type { ConnectionCheck } from "@lode/service";
import type { PayoutsConfig } from "./config.ts";
import { LeadingLoop } from "./leading-loop.ts";
import { sliceLengthMs } from "./slice-length.ts";

/** A running keeper of the books. */
export interface Payouts {
  /** Why it is not doing its work, in words; empty while all is well. */
  notReady(): string[];
  /** Finishes what is under way and gives its roles up. */
  stop(): Promise<void>;
}

/** Connections: one a role, one for renewals, one to spare. */
const CONNECTIONS = 4;
const EVERY_MS = 1_000;

/**
 * Starts the sequencer, which folds share batches into slices, and the settler, which books blocks. Any number of such
 * processes may run: one leads each role, the others wait.
 *
 * @throws MigrationError when the database lacks tables, and failures of the database
 */
export async function startPayouts(
  config: PayoutsConfig,
  deps: { readonly logger: Logger; readonly metrics: Metrics; readonly onBooked?: (line: string) => void },
): Promise<Payouts> {
  const { metrics } = deps;
  await tryDatabase(config);
  const sql = openDatabase(config.database.url, { max: CONNECTIONS });
  try {
    const counted = bookMetrics(metrics);
    const loops = [await sequencerLoop(config, sql, deps, counted), settlerLoop(config, sql, deps, counted)];
    for (const loop of loops) loop.start();
    return {
      notReady: () => loops.flatMap(({ failure }) => (failure === null ? [] : [failure])),
      async stop() {
        await Promise.all(loops.map((loop) => loop.stop()));
        await sql.end({ timeout: 5 });
      },
    };
  } catch (error) {
    await sql.end({ timeout: 1 });
    throw error;
  }
}

/** What it connects to, to be tried once. */
export function payoutsConnections(config: PayoutsConfig): ConnectionCheck[] {
  return [{ key: "database.url", attempt: () => tryDatabase(config) }];
}

async function tryDatabase({ database }: PayoutsConfig): Promise<string> {
  await withDatabase({ connection: database.url, setting: "database.url" }, (sql) => verifyMigrations(sql));
  return `Postgres at ${describeDatabase(database.url)} has every table`;
}

async function sequencerLoop(
  config: PayoutsConfig,
  sql: Database,
  { logger, metrics }: Parameters<typeof startPayouts>[1],
  { sealed: sealedTotal }: ReturnType<typeof bookMetrics>,
): Promise<LeadingLoop> {
  const { windowBlocks, feePpm, customFeePpm, sliceSec } = config.payouts;
  const policy = await putPolicy(sql, {
    n: { num: BigInt(windowBlocks), den: 1n },
    classes: new Map([
      [0, { feePpm: BigInt(feePpm), donationPpm: 0n }],
      [1, { feePpm: BigInt(customFeePpm), donationPpm: 0n }],
    ]),
  });
  let sliceMs = sliceSec > 0 ? sliceSec * 1_000 : await sliceLengthMs(sql, windowBlocks);
  const sequencer = new Sequencer({ sql, logger, sliceMs: () => sliceMs }, policy);
  return loop("sequencer", sql, logger, metrics, async (fence) => {
    const sealed = await sequencer.step(fence);
    sealedTotal.inc(sealed);
    if (sealed > 0 && sliceSec === 0) sliceMs = await sliceLengthMs(sql, windowBlocks);
  });
}

function settlerLoop(
  config: PayoutsConfig,
  sql: Database,
  { logger, metrics, onBooked }: Parameters<typeof startPayouts>[1],
  { booked }: ReturnType<typeof bookMetrics>,
): LeadingLoop {
  const settler = new Settler({ sql, logger, actor: "settler" });
  const publisher = new Publisher(sql, new AuditFiles(config.payouts.dataDir));
  return loop("settler", sql, logger, metrics, async (fence) => {
    for (const { hash, height, became } of await settler.step(fence)) {
      booked[became].inc();
      onBooked?.(`block ${height} ${hash} is ${became} in the ledger`);
    }
    await publisher.step();
  });
}

/** Declares what the books count. */
export function bookMetrics(metrics: Metrics): {
  sealed: Counter;
  booked: Record<Booked["became"], Counter>;
} {
  const booked = (became: Booked["became"]) =>
    metrics.counter("lode_blocks_booked_total", "Steps of blocks in the ledger", { became });
  return {
    sealed: metrics.counter("lode_slices_sealed_total", "Slices of shares that were sealed"),
    booked: {
      immature: booked("immature"),
      reversed: booked("reversed"),
      mature: booked("mature"),
      lost: booked("lost"),
    },
  };
}

function loop(
  role: LeaderRole,
  sql: Database,
  logger: Logger,
  metrics: Metrics,
  step: ConstructorParameters<typeof LeadingLoop>[0]["step"],
): LeadingLoop {
  const leadership = new Leadership({
    sql,
    clock: systemClock,
    role,
    holder: `${hostname()}/${process.pid}`,
  });
  return new LeadingLoop({ role, leadership, clock: systemClock, logger, metrics, step, everyMs: EVERY_MS });
}
