import { HOUR, repeat, steadyScenario } from "./figures.ts";
import { quantile, ratioAt, ratios, steadyMiner } from "./measures.ts";
import { type PoolName, poolNames, pools } from "./pools/pools.ts";
import type { Study } from "./study.ts";
import {
  axes,
  type Box,
  band,
  bar,
  colours,
  curve,
  document,
  legend,
  linearScale,
  logScale,
  type Mark,
  type Point,
  shade,
  text,
} from "./svg.ts";

const WIDTH = 960;
const RUNS = 120;
/** Runs of a miner that floods a baseline with tens of thousands of shares. */
const FLOOD_RUNS = 24;
const POINTS = 110;

/** The plots by the names of their files. */
export function drawPlots(study: Study): Record<string, string> {
  return {
    "vardiff-convergence": convergence(study.seed),
    "vardiff-steady": steadyState(study.seed),
    "vardiff-retargets": retargetBars(study),
  };
}

const lines: readonly (readonly [name: string, hashrate: number])[] = [
  ["5 PH/s", 5e15],
  ["100 TH/s", 1e14],
  ["1 GH/s", 1e9],
  ["0.5 MH/s", 5e5],
];

function convergence(seed: number): string {
  const panels = poolNames.map((pool, index) =>
    convergencePanel(pool, { left: 92 + 290 * index, top: 88, width: 262, height: 330 }, seed, index === 0),
  );
  const names = lines.map(([name], index) => [`really ${name}`, colours[index]!] as const);
  return document(WIDTH, 480, "Vardiff: how a wrong target becomes the right one", [
    text(92, 24, "A client that claims 1 TH/s: work of a share over the right one", "start", "strong"),
    legend(92, 50, names),
    ...panels,
  ]);
}

function convergencePanel(pool: PoolName, box: Box, seed: number, first: boolean): string {
  const { left, top, width, height } = box;
  const x = logScale(1, 7200, left, left + width, [
    { value: 1, label: "1 s" },
    { value: 10, label: "10 s" },
    { value: 60, label: "1 min" },
    { value: 600, label: "10 min" },
    { value: 3600, label: "1 h" },
  ]);
  const y = logScale(1e-4, 1e7, top + height, top, first ? powers([-4, -2, 0, 2, 4, 6]) : powers([]));
  const close = { left, top: y.at(1.5), width, height: y.at(1 / 1.5) - y.at(1.5) };
  return [
    shade(close),
    axes(box, x, y, {
      x: "time since the channel opened",
      y: first ? "too easy  ←  target  →  too hard" : "",
    }),
    ...lines.map(([, hashrate], index) => convergenceLine(pool, hashrate, seed, x.at, y.at, colours[index]!)),
    text(left + width / 2, top - 10, pools[pool].label, "middle", "strong"),
  ].join("\n");
}

function convergenceLine(
  pool: PoolName,
  hashrate: number,
  seed: number,
  x: (value: number) => number,
  y: (value: number) => number,
  colour: string,
): string {
  const runs = pool === "reference" && hashrate > 1e13 ? FLOOD_RUNS : RUNS;
  const done = repeat(pool, steadyMiner(1e12, hashrate, 6, 2 * HOUR), runs, seed * 10_000);
  const times = Array.from({ length: POINTS }, (_, index) => 7199 ** (index / (POINTS - 1)));
  const points = (p: number): Point[] =>
    times.map((time) => [
      x(time),
      y(
        quantile(
          done.map((run) => ratioAt(run, time)),
          p,
        ),
      ),
    ]);
  return band(points(0.1), points(0.9), colour) + curve(points(0.5), colour);
}

/** Edges of the bins of the steady state. */
const LOWEST = 0.4;
const HIGHEST = 2.5;
const BINS = 56;

function steadyState(seed: number): string {
  const box = { left: 92, top: 88, width: 840, height: 300 };
  const bottom = box.top + box.height;
  const x = logScale(
    LOWEST,
    HIGHEST,
    box.left,
    box.left + box.width,
    [0.4, 0.5, 0.67, 0.8, 1, 1.25, 1.5, 2, 2.5].map((value) => ({ value, label: `${value}` })),
  );
  const histograms = poolNames.map((pool) => histogram(pool, seed));
  const most = Math.ceil(Math.max(...histograms.flat()) * 20) / 20;
  const y = linearScale(most, bottom, box.top, percents(most));
  const outline = (parts: readonly number[]): Point[] =>
    parts.flatMap((part, bin): Point[] => [
      [x.at(edge(bin)), y.at(part)],
      [x.at(edge(bin + 1)), y.at(part)],
    ]);
  const floor: Point[] = [
    [x.at(LOWEST), bottom],
    [x.at(HIGHEST), bottom],
  ];
  return document(WIDTH, 450, "Vardiff: targets of a steady miner", [
    text(92, 24, "A steady miner at 6 shares a minute, hours 1 to 9: where its target is", "start", "strong"),
    legend(
      92,
      50,
      poolNames.map((pool, index) => [pools[pool].label, colours[index]!] as const),
    ),
    shade({ left: x.at(1 / 1.5), top: box.top, width: x.at(1.5) - x.at(1 / 1.5), height: box.height }),
    axes(box, x, y, { x: "work of a share over the right one (shaded: within 1.5)", y: "part of the time" }),
    ...histograms.map((parts, index) => band(floor, outline(parts), colours[index]!)),
    ...histograms.map((parts, index) => curve(outline(parts), colours[index]!)),
  ]);
}

function histogram(pool: PoolName, seed: number): number[] {
  const parts = new Array<number>(BINS).fill(0);
  let all = 0;
  for (const run of repeat(pool, steadyScenario(6), RUNS, seed * 10_000)) {
    for (const { value, weight } of ratios(run, HOUR)) {
      const bin = Math.floor((BINS * Math.log(value / LOWEST)) / Math.log(HIGHEST / LOWEST));
      parts[Math.min(Math.max(bin, 0), BINS - 1)]! += weight;
      all += weight;
    }
  }
  return parts.map((weight) => weight / all);
}

function edge(bin: number): number {
  return LOWEST * (HIGHEST / LOWEST) ** (bin / BINS);
}

function retargetBars({ steady }: Study): string {
  const box = { left: 92, top: 88, width: 840, height: 300 };
  const bottom = box.top + box.height;
  const speeds = [...new Set(steady.map(({ name }) => name))];
  const y = logScale(0.01, 100, bottom, box.top, [
    { value: 0.01, label: "0.01" },
    { value: 0.1, label: "0.1" },
    { value: 1, label: "1" },
    { value: 10, label: "10" },
    { value: 100, label: "100" },
  ]);
  const group = box.width / speeds.length;
  const width = group / (poolNames.length + 1.4);
  const centres = speeds.map((_, index) => box.left + group * (index + 0.5));
  const x = {
    at: (value: number) => centres[value]!,
    marks: speeds.map((speed, index) => ({ value: index, label: speed })),
  };
  const bars = steady.flatMap(({ name, pool, retargetsPerHour }) => {
    const place = poolNames.indexOf(pool);
    const left = centres[speeds.indexOf(name)]! + width * (place - poolNames.length / 2);
    const top = y.at(retargetsPerHour);
    return [
      bar({ left: left + 3, top, width: width - 6, height: bottom - top }, colours[place]!),
      text(left + width / 2, top - 6, retargetsPerHour < 0.005 ? "0" : retargetsPerHour.toFixed(2), "middle"),
    ];
  });
  return document(WIDTH, 450, "Vardiff: new targets an hour of a steady miner", [
    text(92, 24, "A steady miner, hours 1 to 9: new targets an hour", "start", "strong"),
    legend(
      92,
      50,
      poolNames.map((pool, index) => [pools[pool].label, colours[index]!] as const),
    ),
    axes(box, x, y, { x: "shares a minute the pool aims at", y: "new targets an hour" }),
    ...bars,
  ]);
}

function powers(exponents: readonly number[]): Mark[] {
  const raised = (exponent: number) => [...`${exponent}`].map((digit) => SUPERSCRIPTS[digit]).join("");
  return exponents.map((exponent) => ({
    value: 10 ** exponent,
    label: exponent === 0 ? "1" : `10${raised(exponent)}`,
  }));
}

const SUPERSCRIPTS: Readonly<Record<string, string>> = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 4: "⁴", 6: "⁶" };

function percents(most: number): Mark[] {
  return Array.from({ length: Math.round(most * 20) + 1 }, (_, index) => ({
    value: index / 20,
    label: `${index * 5} %`,
  }));
}
