import type { SettlingFigure, SteadyFigure } from "./figures.ts";
import { pools } from "./pools/pools.ts";
import type { Named, Study } from "./study.ts";

const HEADS = {
  settling: [
    "miner",
    "pool",
    "runs",
    "seconds: median",
    "9 in 10",
    "99 in 100",
    "shares: median",
    "9 in 10",
    "close from minute 10 on",
    "new targets in 10 minutes",
  ],
  steady: [
    "shares a minute",
    "pool",
    "runs",
    "target over right one: 10 %",
    "median",
    "90 %",
    "close",
    "new targets an hour",
    "shares a minute: 10 %",
    "median",
    "90 %",
    "credited / hashed",
  ],
};

/** The tables of docs/vardiff.md by the names of their blocks. */
export function studyTables(study: Study): Record<string, string> {
  return {
    claims: table(HEADS.settling, study.claims.map(settlingCells)),
    speeds: table(HEADS.settling, study.speeds.map(settlingCells)),
    wrong: table(["claim", ...HEADS.settling.slice(1)], study.wrong.map(settlingCells)),
    changes: table(HEADS.settling, study.changes.map(settlingCells)),
    steady: table(HEADS.steady, study.steady.map(steadyCells)),
    rough: table(["miner", ...HEADS.steady.slice(1)], study.rough.map(steadyCells)),
  };
}

/** One row as it is printed. */
export function rowLine(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

export function settlingCells(figure: Named<SettlingFigure>): string[] {
  const { name, pool, runs, seconds, shares, within, retargets } = figure;
  return [
    name,
    pools[pool].label,
    `${runs}`,
    number(seconds.p50),
    number(seconds.p90),
    number(seconds.p99),
    number(shares.p50),
    number(shares.p90),
    percent(within),
    retargets.toFixed(1),
  ];
}

export function steadyCells({ name, pool, runs, ratio, within, ...figure }: Named<SteadyFigure>): string[] {
  const { retargetsPerHour, shares, credit } = figure;
  return [
    name,
    pools[pool].label,
    `${runs}`,
    ratio.p10.toFixed(2),
    ratio.p50.toFixed(2),
    ratio.p90.toFixed(2),
    percent(within),
    retargetsPerHour.toFixed(2),
    shares.p10.toFixed(1),
    shares.p50.toFixed(1),
    shares.p90.toFixed(1),
    `${credit.mean.toFixed(4)} ± ${credit.error.toFixed(4)}`,
  ];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const rule = head.map((_, column) => (column < 2 ? "---" : "---:"));
  return [rowLine(head), `|${rule.join("|")}|`, ...rows.map(rowLine)].join("\n");
}

/** Two digits below ten, whole numbers above. */
function number(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "never";
  if (value >= 9.95) return Math.round(value).toLocaleString("en-US");
  return value === 0 ? "0" : value.toFixed(1);
}

function percent(part: number): string {
  return `${(100 * part).toFixed(1)} %`;
}
