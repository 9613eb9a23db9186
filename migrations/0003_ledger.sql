-- Who is owed what: accounts, sealed slices, leaders, and a double-entry ledger.
-- Sums of work are expected hashes, money is satoshis, hashes are 32 bytes.

-- Somebody who is paid at one script. The scripts of a release's network are the only names there are.
create table account (
  id            bigint      generated always as identity primary key check (id < 1099511627776),
  payout_script bytea       not null check (octet_length(payout_script) > 0),
  -- Makes the account's pseudonym in published slices (docs/pplns.md). Never published itself.
  salt          bytea       not null default (uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))
                            check (octet_length(salt) = 32),
  created_at    timestamptz not null default now()
);
create unique index account_by_script on account (sha256(payout_script));

-- What a fee class costs. Terms are never changed: other terms are another class.
create table fee_class (
  fee_class    smallint primary key check (fee_class between 0 and 254),
  fee_ppm      integer  not null check (fee_ppm between 0 and 1000000),
  donation_ppm integer  not null check (donation_ppm between 0 and 1000000),
  unique (fee_ppm, donation_ppm)
);

-- Length of the window and fee classes; each sealed slice names the version that was in force.
create table policy (
  version    integer     primary key check (version > 0),
  n_num      numeric     not null check (n_num > 0 and scale(n_num) = 0),
  n_den      numeric     not null check (n_den > 0 and scale(n_den) = 0),
  -- The fee class of each class of share batches: {"0": 0, "1": 1}.
  classes    jsonb       not null,
  created_at timestamptz not null default now()
);

-- Who leads. The epoch is part of a key, so that taking over waits for transactions that hold it (leader_fence), while
-- renewing does not.
create table leader (
  role   text        primary key,
  epoch  bigint      not null default 0,
  holder text        not null default '',
  until  timestamptz not null default '-infinity',
  unique (role, epoch)
);
insert into leader (role) values ('sequencer'), ('settler'), ('payer');

-- Raises LB010 unless the epoch is in force; keeps it so until the transaction ends.
create function leader_fence(wanted_role text, wanted_epoch bigint) returns void
language plpgsql as $$
begin
  perform from leader where role = wanted_role and epoch = wanted_epoch for key share;
  if not found then
    raise exception '% of epoch % leads no more', wanted_role, wanted_epoch using errcode = 'LB010';
  end if;
end
$$;

create table slice (
  seq            bigint      primary key check (seq >= 0),
  prev_hash      bytea       not null check (octet_length(prev_hash) = 32),
  height         integer     not null,
  nbits          bigint      not null check (nbits between 0 and 4294967295),
  opened_at      timestamptz not null,
  sealed_at      timestamptz not null,
  n_shares       bigint      not null check (n_shares > 0),
  n_entries      integer     not null check (n_entries > 0),
  window_work    numeric     not null check (window_work >= 0 and window_work <= true_work),
  true_work      numeric     not null check (true_work > 0),
  credited_work  numeric     not null check (credited_work >= 0 and credited_work <= true_work),
  policy_version integer     not null references policy,
  late           boolean     not null,
  merkle_root    bytea       not null check (octet_length(merkle_root) = 32),
  previous_hash  bytea       not null check (octet_length(previous_hash) = 32),
  header_hash    bytea       not null unique check (octet_length(header_hash) = 32),
  epoch          bigint      not null,
  -- Everybody's work: docs/pplns.md, "The bytes of a slice".
  payload        bytea       not null
);
alter table slice alter column payload set storage external;
create index slice_by_prev_hash on slice (prev_hash, seq);

-- Sums of slices from the start of an era (2,000 slices) up to seq; rebuilt from slices at any time.
create table slice_checkpoint (
  seq     bigint primary key references slice,
  payload bytea  not null
);
alter table slice_checkpoint alter column payload set storage external;

-- Block hashes of shares that met the network's target: which slice they are in.
create table slice_block (
  block_hash bytea  primary key check (octet_length(block_hash) = 32),
  slice_seq  bigint not null references slice
);

-- How far each run's batches are in slices. Moves in the transaction that seals, never by time.
create table fold_cursor (
  run      uuid   primary key,
  next_seq bigint not null check (next_seq >= 0),
  -- Given up: its lease ran out. What it brings later is late.
  closed   boolean not null default false
);

-- The part of slices not sealed yet that is behind the cursors.
create table slice_open (
  ordinal   integer     primary key,
  prev_hash bytea       not null check (octet_length(prev_hash) = 32),
  height    integer     not null,
  nbits     bigint      not null,
  opened_at timestamptz not null,
  late      boolean     not null,
  blocks    bytea[]     not null,
  payload   bytea       not null
);

-- The chart of accounts. Numbers below 16 grow by debits and never fall below 0, the others by credits.
create table ledger_kind (
  kind smallint primary key check (kind between 0 and 31),
  name text     not null unique,
  side text     not null check (side = case when kind < 16 then 'debit' else 'credit' end)
);
insert into ledger_kind (kind, name, side) values
  (0, 'coinbase_immature', 'debit'),
  (1, 'wallet', 'debit'),
  (2, 'wallet_in_flight', 'debit'),
  (3, 'unclaimed_coins', 'debit'),
  (4, 'network_fee', 'debit'),
  (5, 'orphan_loss', 'debit'),
  (6, 'goodwill', 'debit'),
  (16, 'miner_immature', 'credit'),
  (17, 'miner_available', 'credit'),
  (18, 'miner_locked', 'credit'),
  (19, 'carry', 'credit'),
  (20, 'fee_immature', 'credit'),
  (21, 'fee', 'credit'),
  (22, 'donation_immature', 'credit'),
  (23, 'donation', 'credit'),
  (24, 'unclaimed_receipts', 'credit'),
  (25, 'capital', 'credit');

-- id = account * 32 + kind; account 0 is the pool.
create table ledger_account (
  id      bigint primary key check (id >= 0),
  debits  bigint not null default 0 check (debits >= 0),
  credits bigint not null default 0 check (credits >= 0),
  constraint ledger_account_balance check (case when id % 32 < 16 then debits >= credits else credits >= debits end)
) with (fillfactor = 70);

create table journal (
  id         bigint      primary key check (id > 0),
  kind       text        not null,
  ref        text        not null,
  actor      text        not null,
  epoch      bigint      not null,
  created_at timestamptz not null default now(),
  lines      integer     not null check (lines > 0),
  -- SHA-256 of the lines: array_send of debit accounts, credit accounts, amounts.
  digest     bytea       not null,
  -- SHA-256(head before || id || kind || ref || digest): one history, which nobody can rewrite unseen.
  head       bytea       not null,
  unique (kind, ref)
);

create table transfer (
  journal_id bigint  not null references journal,
  line       integer not null,
  debit_id   bigint  not null references ledger_account,
  credit_id  bigint  not null references ledger_account,
  amount     bigint  not null check (amount > 0),
  check (debit_id <> credit_id),
  primary key (journal_id, line)
);
create index transfer_by_debit on transfer (debit_id, journal_id);
create index transfer_by_credit on transfer (credit_id, journal_id);

-- The newest journal. Its row is the lock under which journals are written one by one.
create table ledger_head (
  singleton boolean primary key default true check (singleton),
  id   bigint  not null,
  head bytea   not null
);
insert into ledger_head (id, head) values (0, sha256('lode ledger'));

-- Writes a journal: each line moves one amount from one account's credit to another's. True when it is new, false when this
-- very journal is there. LB010: no longer leader; LB011: another journal has the reference; 23514: a balance would break.
create function ledger_post(
  new_kind text, new_ref text, new_actor text, leader_role text, leader_epoch bigint,
  debit_ids bigint[], credit_ids bigint[], amounts bigint[]
) returns boolean
language plpgsql security definer set search_path from current as $$
declare
  new_digest bytea := sha256(array_send(debit_ids) || array_send(credit_ids) || array_send(amounts));
  old_digest bytea;
  before ledger_head;
begin
  if cardinality(debit_ids) <> cardinality(amounts) or cardinality(credit_ids) <> cardinality(amounts) then
    raise exception 'a journal''s lines are incomplete' using errcode = 'LB012';
  end if;
  perform leader_fence(leader_role, leader_epoch);
  select * into strict before from ledger_head for update;
  select digest into old_digest from journal where kind = new_kind and ref = new_ref;
  if found then
    if old_digest <> new_digest then
      raise exception 'another journal has the reference (%, %)', new_kind, new_ref using errcode = 'LB011';
    end if;
    return false;
  end if;
  before.id := before.id + 1;
  before.head := sha256(before.head || int8send(before.id) || convert_to(new_kind || chr(10) || new_ref, 'UTF8') || new_digest);
  insert into journal (id, kind, ref, actor, epoch, lines, digest, head)
  values (before.id, new_kind, new_ref, new_actor, leader_epoch, cardinality(amounts), new_digest, before.head);
  -- New accounts are opened empty first: `on conflict do update` checks a row as it is proposed.
  insert into ledger_account (id)
  select id from (select unnest(debit_ids) as id union select unnest(credit_ids)) touched order by id
  on conflict do nothing;
  update ledger_account l set debits = l.debits + moved.debit, credits = l.credits + moved.credit
  from (
    select id, sum(debit)::bigint as debit, sum(credit)::bigint as credit
    from (
      select d as id, a as debit, 0 as credit from unnest(debit_ids, amounts) as l (d, a)
      union all
      select c, 0, a from unnest(credit_ids, amounts) as l (c, a)
    ) sides
    group by id
  ) moved
  where l.id = moved.id;
  insert into transfer (journal_id, line, debit_id, credit_id, amount)
  select before.id, line, d, c, a from unnest(debit_ids, credit_ids, amounts) with ordinality as l (d, c, a, line);
  update ledger_head set id = before.id, head = before.head;
  return true;
end
$$;

-- A block of ours as the ledger sees it. What the network thinks of it is not decided here.
create table booking (
  block_hash   bytea       primary key check (octet_length(block_hash) = 32),
  prev_hash    bytea       not null check (octet_length(prev_hash) = 32),
  height       integer     not null,
  found_at     timestamptz not null,
  -- pplns and custom: the reward is split. solo: what reaches the pool's scripts is its fee.
  scheme       text        not null check (scheme in ('pplns', 'custom', 'solo')),
  -- What the coinbase pays to the pool's scripts.
  reward       bigint      not null check (reward >= 0),
  -- The slice of the winning share and why it is that one; null until known.
  slice_seq    bigint      references slice,
  slice_reason text        check (slice_reason in ('winning share', 'first slice on its tip', 'sealed after it was found')),
  state        text        not null default 'waiting' check (state in ('waiting', 'immature', 'reversed', 'mature', 'lost')),
  -- How often it became part of the best chain.
  activation   integer     not null default 0,
  check ((slice_seq is null) = (slice_reason is null))
);

-- How a block was split. Computed once; a block that returns to the chain is credited with the same figures.
create table settlement (
  block_hash     bytea   primary key references booking,
  policy_version integer not null references policy,
  n_num          numeric not null,
  n_den          numeric not null,
  newest         bigint  references slice,
  full_from      bigint  references slice,
  boundary       bigint  references slice,
  phi_num        numeric,
  phi_den        numeric,
  filled_num     numeric not null,
  filled_den     numeric not null,
  -- SHA-256 of all that decided the figures (docs/pplns.md).
  inputs_sha256  bytea   not null check (octet_length(inputs_sha256) = 32),
  fee            bigint  not null check (fee >= 0),
  donation       bigint  not null check (donation >= 0),
  check ((boundary is null) = (phi_num is null) and (boundary is null) = (phi_den is null))
);

-- Takes a block's credit back: the lines of its block_credit the other way round.
create function ledger_reverse_block(hash bytea, block_activation integer, new_actor text, leader_epoch bigint) returns boolean
language plpgsql security definer set search_path from current as $$
declare
  reference text := encode(hash, 'hex') || ':' || block_activation;
  debits bigint[];
  credits bigint[];
  amounts bigint[];
begin
  if not exists (select from journal where kind = 'block_credit' and ref = reference) then
    raise exception 'block % was never credited', reference using errcode = 'LB013';
  end if;
  select array_agg(t.credit_id order by line), array_agg(t.debit_id order by line), array_agg(t.amount order by line)
  into debits, credits, amounts
  from journal j join transfer t on t.journal_id = j.id
  where j.kind = 'block_credit' and j.ref = reference;
  return ledger_post('block_reverse', reference, new_actor, 'settler', leader_epoch, debits, credits, amounts);
end
$$;

-- Releases a block's credit: each immature line moves to its owner's spendable one, the coinbase to the wallet.
create function ledger_mature_block(hash bytea, block_activation integer, new_actor text, leader_epoch bigint) returns boolean
language plpgsql security definer set search_path from current as $$
declare
  reference text := encode(hash, 'hex') || ':' || block_activation;
  debits bigint[];
  credits bigint[];
  amounts bigint[];
begin
  if not exists (select from journal where kind = 'block_credit' and ref = reference) then
    raise exception 'block % was never credited', reference using errcode = 'LB013';
  end if;
  -- miner_immature 16 to miner_available 17, fee_immature 20 to fee 21, donation_immature 22 to donation 23.
  select array_agg(t.credit_id order by line) || 1::bigint,
    array_agg(t.credit_id + 1 order by line) || 0::bigint,
    array_agg(t.amount order by line) || sum(t.amount)::bigint
  into debits, credits, amounts
  from journal j join transfer t on t.journal_id = j.id
  where j.kind = 'block_credit' and j.ref = reference;
  return ledger_post('block_mature', reference, new_actor, 'settler', leader_epoch, debits, credits, amounts);
end
$$;

-- Why payouts stand still. Mining never does.
create table payout_freeze (
  id        bigint      generated always as identity primary key,
  reason    text        not null check (reason in ('coin gone', 'coinbase gone', 'insolvent', 'behind the chain', 'unbalanced', 'operator')),
  detail    text        not null,
  frozen_at timestamptz not null default now(),
  thawed_at timestamptz
);
create unique index payout_freeze_once on payout_freeze (reason, md5(detail)) where thawed_at is null;

-- What is written once stays.
create function refuse_change() returns trigger
language plpgsql as $$
begin
  raise exception '% is never changed', tg_table_name using errcode = 'LB002';
end
$$;

do $$
declare
  name text;
begin
  foreach name in array array['fee_class', 'policy', 'slice', 'slice_block', 'journal', 'transfer', 'settlement'] loop
    execute format(
      'create trigger %I before update or delete on %I for each row execute function refuse_change()', name || '_immutable', name);
    execute format(
      'create trigger %I before truncate on %I for each statement execute function refuse_change()', name || '_kept', name);
  end loop;
end
$$;

create view ledger_balance as
select
  l.id,
  l.id / 32 as account_id,
  k.name as kind,
  l.debits,
  l.credits,
  case k.side when 'debit' then l.debits - l.credits else l.credits - l.debits end as balance
from ledger_account l
join ledger_kind k on k.kind = l.id % 32;

comment on view ledger_balance is 'Every ledger account''s balance in satoshis; account_id 0 is the pool';

-- Zero in every column, or the ledger is broken.
create view trial_balance as
select
  coalesce(sum(debits) - sum(credits), 0)::bigint as debits_less_credits,
  (select coalesce(sum(amount), 0) from transfer)::bigint - coalesce(sum(debits), 0)::bigint as transfers_less_debits
from ledger_account;

-- Roles: rights without a login; an operator grants them to users (docs/operations.md).
do $$
declare
  wanted text;
begin
  foreach wanted in array array['lode_owner', 'lode_pool', 'lode_money', 'lode_read'] loop
    begin
      if not exists (select from pg_roles where rolname = wanted) then
        execute format('create role %I nologin', wanted);
      end if;
    exception
      when duplicate_object or unique_violation then null; -- another database of this server was faster
      when insufficient_privilege then
        raise notice 'role % is missing and cannot be created by this user: rights for it are not granted', wanted;
    end;
  end loop;
  revoke execute on function ledger_post, ledger_reverse_block, ledger_mature_block from public;
  if exists (select from pg_roles where rolname = 'lode_money') then
    grant select on account, fee_class, policy, leader, slice, slice_checkpoint, slice_block, fold_cursor, slice_open,
      ledger_kind, ledger_account, journal, transfer, ledger_head, booking, settlement, payout_freeze,
      ledger_balance, trial_balance, share_batch to lode_money;
    grant insert on account, fee_class, policy, slice, slice_checkpoint, slice_block, fold_cursor, slice_open, booking,
      settlement, payout_freeze to lode_money;
    grant update on leader, fold_cursor, booking, payout_freeze to lode_money;
    grant delete on slice_open, slice_checkpoint to lode_money;
    grant execute on function ledger_post, ledger_reverse_block, ledger_mature_block to lode_money;
  end if;
  if exists (select from pg_roles where rolname = 'lode_read') then
    grant select on slice_block, ledger_kind, ledger_balance, trial_balance, booking, settlement, payout_freeze to lode_read;
    grant select (id, payout_script, created_at) on account to lode_read;
  end if;
end
$$;
