import { WeightScale, type Window } from "../pplns/index.ts";
import type { CreditSection } from "./credit-codec.ts";
import { accountOfKey, CreditList, classOfKey } from "./credit-list.ts";
import { CreditTotals } from "./credit-totals.ts";
import { planReads } from "./window-reads.ts";

/** Where slices and checkpoints are read from, one at a time. */
export interface CreditSource {
  /** Newest slice with a checkpoint, -1 for none. */
  readonly lastCheckpoint: number;
  slice(seq: number): Promise<readonly CreditSection[]>;
  checkpoint(seq: number): Promise<readonly CreditSection[]>;
}

/** A window's credit of one difficulty. */
export interface WindowSection {
  readonly nbits: number;
  /** All slices that count in full. */
  readonly full: CreditList;
  /** The boundary slice. */
  readonly boundary: CreditList;
}

/** The weights of one fee class; the arrays are parallel. Entries of weight 0 are left out. */
export interface AccountWeights {
  readonly feeClass: number;
  /** Account numbers, ascending. */
  readonly accounts: Float64Array;
  readonly weights: readonly bigint[];
}

/** Sums a window's credit from checkpoints and the slices at its ends. Holds one slice or checkpoint at a time. */
export async function readWindow(window: Window, source: CreditSource): Promise<WindowSection[]> {
  const totals = new Map<number, CreditTotals>();
  const add = (sections: readonly CreditSection[], sign: 1 | -1) => {
    for (const { nbits, list } of sections) {
      const total = totals.get(nbits) ?? new CreditTotals();
      totals.set(nbits, total);
      total.add(list, sign);
    }
  };
  const { newest, fullFrom, boundary } = window;
  if (newest !== null && fullFrom !== null) {
    const { checkpoints, slices } = planReads(fullFrom, newest, source.lastCheckpoint);
    for (const sign of [1, -1] as const) {
      for (const read of checkpoints) {
        if (read.sign === sign) add(await source.checkpoint(read.seq), sign);
      }
      for (const read of slices) if (read.sign === sign) add(await source.slice(read.seq), sign);
    }
  }
  const edge = boundary === null ? [] : await source.slice(boundary.seq);
  const all = new Set([...totals.keys(), ...edge.map(({ nbits }) => nbits)]);
  return [...all]
    .sort((a, b) => a - b)
    .map((nbits) => ({
      nbits,
      full: totals.get(nbits)?.compact() ?? CreditList.empty,
      boundary: edge.find((section) => section.nbits === nbits)?.list ?? CreditList.empty,
    }));
}

/**
 * The window's weights by fee class, in ascending order of classes and accounts.
 *
 * @param workOf expected hashes of a block at an nbits
 */
export function windowWeights(
  window: Window,
  sections: readonly WindowSection[],
  workOf: (nbits: number) => bigint,
): AccountWeights[] {
  const scale = new WeightScale(
    window,
    sections.map(({ nbits }) => workOf(nbits)),
  );
  const columns = sections.flatMap(({ nbits, full, boundary }) => {
    const factors = scale.factors(workOf(nbits));
    return [
      { list: full, factor: factors.full, at: 0 },
      { list: boundary, factor: factors.boundary, at: 0 },
    ];
  });
  const byClass = new Map<number, { accounts: number[]; weights: bigint[] }>();
  for (;;) {
    let key = Number.POSITIVE_INFINITY;
    for (const { list, at } of columns) if (at < list.length) key = Math.min(key, list.keys[at]!);
    if (key === Number.POSITIVE_INFINITY) break;
    let weight = 0n;
    for (const column of columns) {
      if (column.list.keys[column.at] !== key) continue;
      weight += column.list.creditedWork.get(column.at) * column.factor;
      column.at++;
    }
    if (weight === 0n) continue;
    let ofClass = byClass.get(classOfKey(key));
    if (ofClass === undefined) {
      ofClass = { accounts: [], weights: [] };
      byClass.set(classOfKey(key), ofClass);
    }
    ofClass.accounts.push(accountOfKey(key));
    ofClass.weights.push(weight);
  }
  return [...byClass]
    .sort(([a], [b]) => a - b)
    .map(([feeClass, { accounts, weights }]) => ({
      feeClass,
      accounts: Float64Array.from(accounts),
      weights,
    }));
}
