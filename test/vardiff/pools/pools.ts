import { CkpoolPool } from "./ckpool-pool.ts";
import { ClassicPool } from "./classic-pool.ts";
import { LodePool } from "./lode-pool.ts";
import type { PoolKind } from "./pool-side.ts";

/** The pools that are compared. */
export type PoolName = "lode" | "reference" | "ckpool";

/** Each pool's name in tables, and how to open a channel on it. */
export const pools: Readonly<Record<PoolName, { readonly label: string; readonly open: PoolKind }>> = {
  lode: { label: "Lode", open: (opening) => new LodePool(opening) },
  reference: { label: "reference", open: (opening) => new ClassicPool(opening) },
  ckpool: { label: "ckpool", open: (opening) => new CkpoolPool(opening) },
};

/** Names in the order of tables. */
export const poolNames = Object.keys(pools) as readonly PoolName[];
