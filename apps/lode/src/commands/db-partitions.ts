import {
  createSharePartitions,
  type Database,
  DEFAULT_BATCH_DAYS,
  dropSharePartition,
  holdsUnfoldedShares,
  LedgerError,
  listSharePartitions,
  PARTITION_DAYS_AHEAD,
  partitionsOlderThan,
  type SharePartition,
} from "@lode/ledger";
import { systemClock } from "@lode/ports";
import { ExitCode, ExitError } from "@lode/service";
import { type Arguments, flag, integer, type Option } from "../command.ts";

/** What `lode db partitions` adds to the options of `lode db`. */
export const partitionOptions: Readonly<Record<string, Option>> = {
  create: {
    type: "boolean",
    help: `partitions: create those of today and ${PARTITION_DAYS_AHEAD} days ahead.`,
  },
  drop: { type: "boolean", help: "partitions: drop those older than the days to keep." },
  "keep-days": {
    type: "string",
    value: "N",
    help: `partitions: whole days to keep before today (retention.batch_days, or ${DEFAULT_BATCH_DAYS}).`,
  },
  "even-unfolded": {
    type: "boolean",
    help: "partitions: drop shares that are in no books yet. They are gone then.",
  },
  "dry-run": { type: "boolean", help: "partitions: only say what would be done." },
};

type Outcome = "dropped" | "would-drop" | "kept-unfolded" | "busy";

/** Lists the partitions of share batches, after creating and dropping some if told to. */
export async function runPartitions(
  database: Database,
  args: Arguments,
  configuredDays?: number,
): Promise<ExitCode> {
  const [create, drop, dry] = [flag(args, "create"), flag(args, "drop"), flag(args, "dry-run")];
  const evenUnfolded = flag(args, "even-unfolded");
  if (!drop && (evenUnfolded || args.values["keep-days"] !== undefined)) {
    throw new ExitError(ExitCode.usage, "--keep-days and --even-unfolded go with --drop");
  }
  const days = integer(args, "keep-days", 0, 36_500) ?? configuredDays ?? DEFAULT_BATCH_DAYS;
  const now = systemClock.now();
  const say = (line: string) => flag(args, "json") || process.stdout.write(`${line}\n`);
  let created = 0;
  if (create && dry) {
    say("would create what is missing of today and the days ahead");
  } else if (create) {
    created = await createSharePartitions(database, now, PARTITION_DAYS_AHEAD);
    say(`created ${created} partition${created === 1 ? "" : "s"}`);
  }
  const old = drop ? partitionsOlderThan(await listSharePartitions(database), days, now) : [];
  const outcomes = new Map<string, Outcome>();
  for (const { name } of old) {
    const outcome = await (dry ? wouldDrop : dropOne)(database, name, evenUnfolded);
    outcomes.set(name, outcome);
    say(`${sentences[outcome]} ${name}`);
  }
  if (drop && old.length === 0) say(`no partition is older than ${days} days`);
  const partitions = await listSharePartitions(database);
  if (!create && !drop) {
    for (const partition of partitions) say(row(partition));
    if (partitions.length === 0) say("no partitions yet; the pool makes them, and so does --create");
  }
  if (flag(args, "json")) {
    const json = { created, outcomes: Object.fromEntries(outcomes), partitions: partitions.map(asJson) };
    process.stdout.write(`${JSON.stringify(json)}\n`);
  }
  const given = [...outcomes.values()];
  if (given.includes("kept-unfolded")) {
    say("shares that are in no books yet are kept; --even-unfolded drops them, and with them who mined what");
  }
  if (!given.includes("busy")) return ExitCode.ok;
  say("some partitions are in use; try again");
  return ExitCode.unavailable;
}

const sentences: Readonly<Record<Outcome, string>> = {
  dropped: "dropped   ",
  "would-drop": "would drop",
  "kept-unfolded": "kept      ",
  busy: "in use    ",
};

async function dropOne(database: Database, name: string, evenUnfolded: boolean): Promise<Outcome> {
  try {
    await dropSharePartition(database, name, evenUnfolded);
    return "dropped";
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    if (error.type.code === "not-folded") return "kept-unfolded";
    if (error.type.code === "unavailable" && error.type.reason === "contention") return "busy";
    throw error;
  }
}

async function wouldDrop(database: Database, name: string, evenUnfolded: boolean): Promise<Outcome> {
  return evenUnfolded || !(await holdsUnfoldedShares(database, name)) ? "would-drop" : "kept-unfolded";
}

function row({ name, fromHour, toHour, bytes }: SharePartition): string {
  return `${name.padEnd(24)} ${utc(fromHour)} to ${utc(toHour)}  ${Math.ceil(bytes / 1024)} kB`;
}

function asJson({ name, fromHour, toHour, bytes }: SharePartition) {
  return { name, from: utc(fromHour), to: utc(toHour), bytes };
}

/** `2026-11-30T00:00Z` */
function utc(hour: number): string {
  return `${new Date(hour * 3_600_000).toISOString().slice(0, 16)}Z`;
}
