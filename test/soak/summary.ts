import type { AttackCount } from "./attack/life.ts";
import type { Stretch } from "./stretch.ts";

/** The last line of a soak. Memory in MB. */
export interface SoakSummary {
  readonly seed: number;
  readonly connections: number;
  readonly channels: number;
  readonly tips: number;
  readonly calm: Stretch;
  /** Null without `--hostile`. */
  readonly attack: Stretch | null;
  /** Ends of honest connections, of any kind. */
  readonly honest_disconnects: number;
  readonly acknowledged: number;
  /** Honest shares in the database; may be above `acknowledged` only when an answer was lost. */
  readonly recorded: number;
  readonly missing: number;
  readonly duplicates: number;
  /** Sent and never answered although the connection lived. */
  readonly unanswered: number;
  /** Heap and external memory after garbage collection: before the attack, and after it with the attackers gone. */
  readonly heap_before: number;
  readonly heap_after: number;
  readonly rss_growth_per_hour: number | null;
  readonly attacks: Readonly<Record<string, AttackCount>>;
  /** What the pool counted during the attack, by reason. */
  readonly counted: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Subnets that the pool has banned. */
  readonly bans: number;
  readonly log_kb: number;
  readonly exceptions: number;
  readonly pool_ends: number;
  /** Empty when all is well. */
  readonly broken: readonly string[];
}

/** What must hold, whatever the machine is doing meanwhile. */
export function brokenInvariants(summary: Omit<SoakSummary, "broken">): string[] {
  const stretches = [summary.calm, ...(summary.attack === null ? [] : [summary.attack])];
  const sum = (counts: Readonly<Record<string, number>>) =>
    Object.values(counts).reduce((total, n) => total + n, 0);
  const rejected = stretches.reduce((total, stretch) => total + sum(stretch.rejected), 0);
  const violations = stretches.reduce((total, stretch) => total + sum(stretch.violations), 0);
  const streak = Math.max(...stretches.map(({ probes }) => probes.longestStreak));
  const rules: readonly (readonly [boolean, string])[] = [
    [summary.acknowledged === 0, "no honest share was acknowledged"],
    [summary.honest_disconnects > 0, `${summary.honest_disconnects} honest connections ended`],
    [summary.missing > 0, `${summary.missing} acknowledged shares are not recorded`],
    [summary.duplicates > 0, `${summary.duplicates} shares are recorded twice`],
    [summary.unanswered > 0, `${summary.unanswered} shares were never answered`],
    [rejected > 0, `${rejected} honest shares were refused without being late`],
    [violations > 0, `the pool broke a rule of the protocol ${violations} times`],
    [summary.exceptions > 0, `${summary.exceptions} exceptions in sessions`],
    [summary.pool_ends > 0, "the pool ended by itself"],
    [streak > MAX_STREAK, `probes were turned away ${streak} times in a row, as by a ban`],
  ];
  return rules.filter(([isBroken]) => isBroken).map(([, text]) => text);
}

/** A full pool may turn probes away for a moment; a ban lasts a minute at least, that is sixty probes. */
const MAX_STREAK = 20;

/** For people. */
export function describe(summary: SoakSummary): string {
  const { calm, attack } = summary;
  const rows: [string, (stretch: Stretch) => string | number][] = [
    ["accept rate", ({ accept_rate }) => accept_rate.toFixed(6)],
    ["shares answered", ({ accepted }) => accepted],
    ["stale", ({ stale }) => stale],
    ["answer p50/p99/max, ms", (s) => `${s.answer_p50} / ${s.answer_p99} / ${s.answer_max}`],
    ["tip p50/p99/max, ms", (s) => `${s.tip_p50} / ${s.tip_p99} / ${s.tip_max}`],
    ["newcomers, failed", ({ newcomers }) => `${newcomers.n}, ${JSON.stringify(newcomers.failed)}`],
    ["newcomer ready p50/max, ms", (s) => `${s.newcomers.ready_p50} / ${s.newcomers.ready_max}`],
    ["neighbours, failed", ({ neighbours }) => `${neighbours.n}, ${JSON.stringify(neighbours.failed)}`],
    ["probes, turned away", ({ probes }) => `${probes.n}, ${probes.turnedAway}`],
    ["pool cores, waiting for a CPU", (s) => `${s.pool_cores}, ${s.pool_starved ?? "unknown"}`],
    ["pool loop p99, ms", ({ pool_loop_p99 }) => pool_loop_p99],
    ["pool rss start/end/max, MB", (s) => `${s.pool_rss_start} / ${s.pool_rss_end} / ${s.pool_rss_max}`],
    [
      "miners cores, rss, loop p99 ms",
      (s) => `${s.miners_cores}, ${s.miners_rss_end} MB, ${s.miners_loop_p99}`,
    ],
    ["attackers cores, rss", (s) => `${s.attackers_cores}, ${s.attackers_rss_end} MB`],
    ["machine load", ({ load }) => load],
  ];
  const lines = rows.map(
    ([name, read]) =>
      `${name.padEnd(30)}${String(read(calm)).padEnd(30)}${attack === null ? "" : read(attack)}`,
  );
  const kinds = Object.entries(summary.attacks).map(
    ([name, { attempts, refused, cut, messages }]) =>
      `${name.padEnd(22)}${String(attempts).padStart(10)}${String(refused).padStart(10)}${String(cut).padStart(10)}${String(messages).padStart(12)}`,
  );
  return [
    `${"".padEnd(30)}${"calm".padEnd(30)}${attack === null ? "" : "attack"}`,
    ...lines,
    "",
    ...(kinds.length === 0
      ? []
      : [`${"attack".padEnd(22)}  attempts   refused       cut    messages`, ...kinds, ""]),
    ...Object.entries(summary.counted).map(([name, counts]) => `${name}: ${JSON.stringify(counts)}`),
    `heap ${summary.heap_before} MB → ${summary.heap_after} MB; log ${summary.log_kb} kB; ${summary.bans} bans; ` +
      `${summary.acknowledged} acknowledged, ${summary.recorded} recorded, ${summary.missing} missing, ` +
      `${summary.duplicates} twice; ${summary.honest_disconnects} honest disconnects`,
    summary.broken.length === 0 ? "all invariants hold" : `BROKEN: ${summary.broken.join("; ")}`,
  ].join("\n");
}
