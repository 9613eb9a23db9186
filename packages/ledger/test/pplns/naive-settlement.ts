import { createHash } from "node:crypto";

/**
 * A second, naive settlement: fractions all the way, every share's part written out, sorting instead of selecting. It shares
 * no code with the product.
 */
export interface NaiveShare {
  readonly slice: number;
  readonly netWork: bigint;
  readonly account: string;
  readonly feeClass: number;
  readonly trueWork: bigint;
  readonly credited: bigint;
}

interface Fraction {
  n: bigint;
  d: bigint;
}

const divisor = (a: bigint, b: bigint): bigint => (b === 0n ? (a < 0n ? -a : a) : divisor(b, a % b));
const fraction = (n: bigint, d: bigint): Fraction => {
  const g = divisor(n, d) || 1n;
  return { n: n / g, d: d / g };
};
const plus = (a: Fraction, b: Fraction) => fraction(a.n * b.d + b.n * a.d, a.d * b.d);
const minus = (a: Fraction, b: Fraction) => fraction(a.n * b.d - b.n * a.d, a.d * b.d);
const times = (a: Fraction, b: Fraction) => fraction(a.n * b.n, a.d * b.d);
const over = (a: Fraction, b: Fraction) => fraction(a.n * b.d, a.d * b.n);
const less = (a: Fraction, b: Fraction) => a.n * b.d < b.n * a.d;
const ZERO: Fraction = { n: 0n, d: 1n };

/** Net satoshis by `class:account`, with "fee" and "donation". */
export function naiveSettlement(
  shares: readonly NaiveShare[],
  terms: {
    n: Fraction;
    reward: bigint;
    blockHash: Uint8Array;
    feePpm: (feeClass: number) => bigint;
    donationPpm: (account: string, feeClass: number) => bigint;
  },
): Record<string, bigint> {
  const slices = [...new Set(shares.map(({ slice }) => slice))].sort((a, b) => b - a);
  let left = terms.n;
  const weights = new Map<string, Fraction>();
  for (const slice of slices) {
    const mine = shares.filter((share) => share.slice === slice);
    const units = mine.reduce((sum, share) => plus(sum, fraction(share.trueWork, share.netWork)), ZERO);
    const phi = less(left, units) ? over(left, units) : { n: 1n, d: 1n };
    left = minus(left, times(phi, units));
    for (const { feeClass, account, credited, netWork } of mine) {
      const key = `${feeClass}:${account}`;
      weights.set(key, plus(weights.get(key) ?? ZERO, times(phi, fraction(credited, netWork))));
    }
    if (left.n === 0n) break;
  }
  const classes = [...new Set([...weights.keys()].map((key) => key.split(":")[0]!))];
  const sumOf = (feeClass: string) =>
    [...weights]
      .filter(([key]) => key.startsWith(`${feeClass}:`))
      .reduce((sum, [, weight]) => plus(sum, weight), ZERO);
  const hash = (...parts: Uint8Array[]) => createHash("sha256").update(Buffer.concat(parts)).digest("hex");
  const gross = sorted(
    terms.reward,
    classes.map((name) => ({
      name,
      weight: sumOf(name),
      tie: hash(terms.blockHash, Uint8Array.of(Number(name))),
    })),
  );
  const result: Record<string, bigint> = { fee: 0n, donation: 0n };
  for (const feeClass of classes) {
    const fee = (gross[feeClass]! * terms.feePpm(Number(feeClass))) / 1_000_000n;
    result["fee"]! += fee;
    const members = [...weights].filter(([key]) => key.startsWith(`${feeClass}:`));
    const net = sorted(
      gross[feeClass]! - fee,
      members.map(([name, weight]) => ({
        name,
        weight,
        tie: hash(
          terms.blockHash,
          Uint8Array.of(Number(feeClass)),
          Buffer.from(name.slice(name.indexOf(":") + 1)),
        ),
      })),
    );
    for (const [key, amount] of Object.entries(net)) {
      const account = key.slice(key.indexOf(":") + 1);
      const donation = (amount * terms.donationPpm(account, Number(feeClass))) / 1_000_000n;
      result["donation"]! += donation;
      result[key] = amount - donation;
    }
  }
  return result;
}

function sorted(
  amount: bigint,
  entries: { name: string; weight: Fraction; tie: string }[],
): Record<string, bigint> {
  const total = entries.reduce((sum, { weight }) => plus(sum, weight), ZERO);
  if (total.n === 0n) return Object.fromEntries(entries.map(({ name }) => [name, 0n]));
  const exact = entries.map((entry) => {
    const share = times({ n: amount, d: 1n }, over(entry.weight, total));
    const whole = share.n / share.d;
    return { ...entry, whole, rest: minus(share, { n: whole, d: 1n }) };
  });
  const left = Number(amount - exact.reduce((sum, { whole }) => sum + whole, 0n));
  exact.sort((a, b) => (less(b.rest, a.rest) ? -1 : less(a.rest, b.rest) ? 1 : a.tie < b.tie ? -1 : 1));
  return Object.fromEntries(exact.map(({ name, whole }, at) => [name, whole + (at < left ? 1n : 0n)]));
}
