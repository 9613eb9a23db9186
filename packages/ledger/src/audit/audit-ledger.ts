import type { Database } from "../database.ts";

/** What does not agree inside the ledger, in sentences; empty when all does. */
export async function auditLedger(sql: Database): Promise<string[]> {
  const differences: string[] = [];
  const accounts = await sql<{ id: string; name: string }[]>`
    select l.id, k.name from ledger_account l join ledger_kind k on k.kind = l.id % 32
    left join (select debit_id as id, sum(amount) as sum from transfer group by 1) d using (id)
    left join (select credit_id as id, sum(amount) as sum from transfer group by 1) c using (id)
    where l.debits <> coalesce(d.sum, 0) or l.credits <> coalesce(c.sum, 0) order by l.id limit 20`;
  for (const { id, name } of accounts) {
    differences.push(`ledger account ${id} (${name}): its balance is not the sum of its transfers`);
  }
  const chain = await sql<{ id: string; what: string }[]>`
    select id, case when digest <> summed then 'its lines are not those it was written with'
      when head <> sha256(before || int8send(id) || convert_to(kind || chr(10) || ref, 'UTF8') || digest)
        then 'it does not continue the journal before it'
      else 'a journal before it is missing' end as what
    from (
      select j.*, lag(head, 1, sha256('lode ledger')) over (order by id) as before,
        lag(id, 1, 0::bigint) over (order by id) as before_id,
        (select sha256(array_send(array_agg(debit_id order by line)) || array_send(array_agg(credit_id order by line))
          || array_send(array_agg(amount order by line))) from transfer where journal_id = j.id) as summed
      from journal j
    ) chained
    where digest <> summed or summed is null or before_id <> id - 1
      or head <> sha256(before || int8send(id) || convert_to(kind || chr(10) || ref, 'UTF8') || digest)
    order by id limit 20`;
  for (const { id, what } of chain) differences.push(`journal ${id}: ${what}`);
  const [head] = await sql<{ same: boolean }[]>`
    select h.id = coalesce(j.id, 0) and (j.id is null or h.head = j.head) as same
    from ledger_head h left join journal j on j.id = (select max(id) from journal)`;
  if (head?.same !== true) differences.push("the newest journal is missing: the ledger's head names another");
  const books = await sql<{ hash: string; height: number }[]>`
    select bytes_hash_text(k.block_hash) as hash, k.height from booking k
    left join journal j on j.kind = 'block_credit' and j.ref = bytes_hash_text(k.block_hash) || ':' || k.activation
    left join transfer t on t.journal_id = j.id
    where k.state in ('immature', 'mature', 'lost')
    group by k.block_hash, k.height, k.reward having coalesce(sum(t.amount), 0) <> k.reward limit 20`;
  for (const { hash, height } of books) {
    differences.push(`block ${height} ${hash}: its credits do not add up to what its coinbase pays the pool`);
  }
  const coinbases = await sql<{ hash: string; height: number }[]>`
    select bytes_hash_text(k.block_hash) as hash, k.height from booking k join block b on b.hash = k.block_hash
    where k.state in ('immature', 'mature') and b.state not in ('active', 'mature') limit 20`;
  for (const { hash, height } of coinbases) {
    differences.push(`block ${height} ${hash}: credited, and not on the best chain`);
  }
  const [assets] = await sql<{ assets: string; liabilities: string }[]>`
    select coalesce(sum(balance) filter (where kind in ('coinbase_immature', 'wallet', 'wallet_in_flight', 'unclaimed_coins')), 0) as assets,
      coalesce(sum(balance) filter (where kind in ('miner_immature', 'miner_available', 'miner_locked', 'carry', 'unclaimed_receipts')), 0) as liabilities
    from ledger_balance`;
  if (BigInt(assets!.liabilities) > BigInt(assets!.assets)) {
    differences.push(`liabilities of ${assets!.liabilities} sat exceed assets of ${assets!.assets} sat`);
  }
  return differences;
}
