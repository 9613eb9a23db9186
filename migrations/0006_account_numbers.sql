-- What people ask of the books.

create view account_balance as
select
  a.id as account_id,
  a.payout_script,
  coalesce(p.address, encode(a.payout_script, 'hex')) as address,
  coalesce((select credits - debits from ledger_account where id = a.id * 32 + 16), 0) as immature,
  coalesce((select credits - debits from ledger_account where id = a.id * 32 + 17), 0) as available,
  coalesce((select credits - debits from ledger_account where id = a.id * 32 + 18), 0) as in_payout,
  coalesce((select credits - debits from ledger_account where id = a.id * 32 + 19), 0) as carried,
  -- All that ever became spendable.
  coalesce((select credits from ledger_account where id = a.id * 32 + 17), 0) as earned
from account a
left join payout_address p on p.payout_script = a.payout_script;

comment on view account_balance is 'Satoshis of every account: not spendable yet, spendable, in a payout under way, carried, ever earned';

-- Every line that touched an account: amounts are positive where they were added.
create view account_history as
select
  l.id / 32 as account_id,
  j.id as journal_id,
  j.kind as journal,
  j.ref,
  j.created_at,
  k.name as kind,
  case when t.credit_id = l.id then t.amount else -t.amount end as amount
from ledger_account l
join ledger_kind k on k.kind = l.id % 32
join transfer t on t.credit_id = l.id or t.debit_id = l.id
join journal j on j.id = t.journal_id;

comment on view account_history is 'The lines of the ledger by account; name account_id in the condition';

do $$
begin
  if exists (select from pg_roles where rolname = 'lode_money') then
    grant select on account_balance, account_history, payout_address to lode_money;
  end if;
  if exists (select from pg_roles where rolname = 'lode_read') then
    grant select on account_balance, account_history to lode_read;
  end if;
end
$$;
