import type { Database } from "../database.ts";
import type { FeeTerms, Rational } from "../pplns/index.ts";

/** What the operator wants: the window and the price of each class that share batches name. */
export interface PolicyTerms {
  /** Length of the window in expected blocks. */
  readonly n: Rational;
  /** Terms by the class of share batches, 0 … 254; class 0 also covers classes that are not named. */
  readonly classes: ReadonlyMap<number, FeeTerms>;
}

/** The policy in force. */
export interface Policy {
  readonly version: number;
  readonly n: Rational;
  /** Stored fee class of each class of share batches. */
  readonly classes: ReadonlyMap<number, number>;
}

/**
 * Puts terms in force, from the next slice on. The same terms keep their version; other fees are other classes, so that
 * what was mined before is settled at the fees it was mined at.
 */
export async function putPolicy(sql: Database, terms: PolicyTerms): Promise<Policy> {
  return sql.begin(async (step) => {
    await step`lock table policy in share row exclusive mode`;
    const classes = new Map<number, number>();
    for (const [named, { feePpm, donationPpm }] of [...terms.classes].sort(([a], [b]) => a - b)) {
      const [known] = await step<{ fee_class: number }[]>`
        select fee_class from fee_class where fee_ppm = ${String(feePpm)} and donation_ppm = ${String(donationPpm)}`;
      const [row] =
        known === undefined
          ? await step<{ fee_class: number }[]>`
              insert into fee_class (fee_class, fee_ppm, donation_ppm)
              select coalesce(max(fee_class) + 1, 0), ${String(feePpm)}::integer, ${String(donationPpm)}::integer from fee_class
              returning fee_class`
          : [known];
      classes.set(named, row!.fee_class);
    }
    const stored = JSON.stringify(Object.fromEntries(classes));
    const [newest] = await step<{ version: number; same: boolean }[]>`
      select version, n_num = ${String(terms.n.num)}::text::numeric and n_den = ${String(terms.n.den)}::text::numeric
        and classes = ${stored}::text::jsonb as same
      from policy order by version desc limit 1`;
    const version = newest?.same === true ? newest.version : (newest?.version ?? 0) + 1;
    if (newest?.same !== true) {
      await step`
        insert into policy (version, n_num, n_den, classes)
        values (${version}, ${String(terms.n.num)}, ${String(terms.n.den)}, ${stored}::text::jsonb)`;
    }
    return { version, n: terms.n, classes };
  });
}

/** What every stored fee class costs. */
export async function feeClasses(sql: Database): Promise<Map<number, FeeTerms>> {
  const rows = await sql<{ fee_class: number; fee_ppm: number; donation_ppm: number }[]>`
    select fee_class, fee_ppm, donation_ppm from fee_class`;
  return new Map(
    rows.map(({ fee_class, fee_ppm, donation_ppm }) => [
      fee_class,
      { feePpm: BigInt(fee_ppm), donationPpm: BigInt(donation_ppm) },
    ]),
  );
}
