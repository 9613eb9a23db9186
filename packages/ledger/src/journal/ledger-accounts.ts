/** The chart of accounts, as the table ledger_kind has it. Below 16: assets and expenses, which grow by debits. */
export const ledgerKinds = {
  coinbase_immature: 0,
  wallet: 1,
  wallet_in_flight: 2,
  unclaimed_coins: 3,
  network_fee: 4,
  orphan_loss: 5,
  goodwill: 6,
  miner_immature: 16,
  miner_available: 17,
  miner_locked: 18,
  carry: 19,
  fee_immature: 20,
  fee: 21,
  donation_immature: 22,
  donation: 23,
  unclaimed_receipts: 24,
  capital: 25,
} as const;

/** Names of the chart's accounts. */
export type LedgerKind = keyof typeof ledgerKinds;

/** The owner of what is the pool's own. */
export const POOL_ACCOUNT = 0;

const KINDS = 32;

/** Number of a ledger account: whose it is and what. Below 2^45, so a double holds it. */
export function ledgerAccountId(kind: LedgerKind, account: number = POOL_ACCOUNT): number {
  return account * KINDS + ledgerKinds[kind];
}
