-- Found blocks, and the scripts by which a block of the chain is known as the pool's own.

-- Every script of the pool that ever stood in a coinbase. Written before the first job that has it, and never removed: a
-- block that was mined before a change of configuration is still the pool's.
create table pool_script (
  script     bytea       primary key check (octet_length(script) between 1 and 10000),
  purpose    text        not null check (purpose in ('reward', 'fee')),
  first_used timestamptz not null default now()
);

comment on table pool_script is 'Scripts of the pool''s own coinbase outputs; purpose tells what the first one was for';

create table block (
  hash          bytea       primary key check (octet_length(hash) = 32),
  height        integer     not null check (height > 0),
  prev_hash     bytea       not null check (octet_length(prev_hash) = 32),
  header        bytea       not null check (octet_length(header) = 80),
  -- The coinbase transaction as it is in the block, with its witness.
  coinbase_tx   bytea       not null,
  state         text        not null default 'candidate'
                check (state in ('candidate', 'submitted', 'active', 'mature', 'rejected', 'stale', 'orphaned')),
  -- On the best chain: 1 for the tip. Off it: blocks on top of its height, negative.
  confirmations integer     not null default 0,
  -- Times that the block came onto the best chain.
  activation    integer     not null default 0 check (activation >= 0),
  scheme        text        not null check (scheme in ('pplns', 'solo', 'custom')),
  -- Null in a block that was only seen on the chain.
  finder_script bytea,
  finder_worker text,
  run           uuid,
  connection_id bigint,
  channel_id    bigint,
  -- Name of the template source, or 'seen on chain'.
  source        text        not null,
  found_at      timestamptz not null,
  recorded_at   timestamptz not null default now()
);

create index block_by_height on block (height);
create index block_open on block (found_at) where state in ('candidate', 'submitted', 'active', 'rejected', 'stale', 'orphaned');

comment on table block is 'Blocks found by miners of this pool, and blocks of the chain that pay one of its scripts';
comment on column block.hash is 'Internal byte order: the hash as SHA-256 gives it';
comment on column block.prev_hash is 'Internal byte order';

create table block_output (
  hash   bytea    not null references block (hash),
  vout   integer  not null check (vout >= 0),
  sats   bigint   not null check (sats >= 0),
  script bytea    not null,
  primary key (hash, vout)
);

comment on table block_output is 'What a block''s coinbase pays, output by output';

-- What each path answered to a block; the same answer of the same path is kept once.
create table block_attempt (
  hash     bytea       not null references block (hash),
  path     text        not null check (octet_length(path) between 1 and 200),
  answer   text        not null check (octet_length(answer) <= 500),
  first_at timestamptz not null default now(),
  primary key (hash, path, answer)
);

create table block_event (
  hash          bytea       not null references block (hash),
  at            timestamptz not null default clock_timestamp(),
  old_state     text,
  new_state     text        not null,
  confirmations integer     not null,
  said_by       text        not null
);

create index block_event_by_hash on block_event (hash, at);

comment on table block_event is 'Every change of a block''s state';

-- How far the chain was compared with pool_script.
create table chain_scan (
  only_row boolean primary key default true check (only_row),
  height   integer not null check (height >= 0),
  hash     bytea   not null check (octet_length(hash) = 32)
);

create function pool_script_add(new_script bytea, new_purpose text) returns void
language sql security definer set search_path = public, pg_temp as $$
  insert into pool_script (script, purpose) values (new_script, new_purpose) on conflict do nothing
$$;

-- Records a block once; outputs: [{"sats": 5000000000, "script": "0014…"}, …] in the coinbase's order. Returns false where it is known already.
create function block_record(
  new_hash bytea, new_height integer, new_prev_hash bytea, new_header bytea, new_coinbase_tx bytea, new_scheme text,
  new_finder_script bytea, new_finder_worker text, new_run uuid, new_connection bigint, new_channel bigint,
  new_source text, new_found_at timestamptz, outputs jsonb
) returns boolean
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  insert into block (hash, height, prev_hash, header, coinbase_tx, scheme, finder_script, finder_worker, run, connection_id,
                     channel_id, source, found_at)
  values (new_hash, new_height, new_prev_hash, new_header, new_coinbase_tx, new_scheme, new_finder_script,
          new_finder_worker, new_run, new_connection, new_channel, new_source, new_found_at)
  on conflict (hash) do nothing;
  if not found then
    -- Found first on the chain: who found it is known only now.
    update block set finder_script = new_finder_script, finder_worker = new_finder_worker, run = new_run,
      connection_id = new_connection, channel_id = new_channel, scheme = new_scheme, source = new_source, found_at = new_found_at
    where hash = new_hash and finder_script is null and new_finder_script is not null;
    return false;
  end if;
  insert into block_output (hash, vout, sats, script)
  select new_hash, o.n - 1, (o.output ->> 'sats')::bigint, decode(o.output ->> 'script', 'hex')
  from jsonb_array_elements(outputs) with ordinality as o (output, n);
  insert into block_event (hash, old_state, new_state, confirmations, said_by)
  values (new_hash, null, 'candidate', 0, new_source);
  return true;
end
$$;

create function block_attempt_record(block_hash bytea, new_path text, new_answer text) returns void
language sql security definer set search_path = public, pg_temp as $$
  insert into block_attempt (hash, path, answer) values (block_hash, left(new_path, 200), left(new_answer, 500))
  on conflict do nothing
$$;

-- Moves a block from the state it was seen in. Returns false where it is in another one meanwhile, or nothing changes.
create function block_move(
  block_hash bytea, old_state text, new_state text, new_confirmations integer, new_said_by text
) returns boolean
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  update block b set
    state = new_state,
    confirmations = new_confirmations,
    activation = b.activation + case when new_state in ('active', 'mature') and old_state not in ('active', 'mature') then 1 else 0 end
  where b.hash = block_hash and b.state = old_state
    and (b.state <> new_state or b.confirmations <> new_confirmations);
  if not found then
    return false;
  end if;
  if old_state <> new_state then
    insert into block_event (hash, old_state, new_state, confirmations, said_by)
    values (block_hash, old_state, new_state, new_confirmations, new_said_by);
  end if;
  return true;
end
$$;

-- Moves the scan on from where it was seen. Returns false where another process was faster.
create function chain_scan_move(old_height integer, new_height integer, new_hash bytea) returns boolean
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  if old_height is null then
    insert into chain_scan (height, hash) values (new_height, new_hash) on conflict do nothing;
  else
    update chain_scan set height = new_height, hash = new_hash where height = old_height;
  end if;
  return found;
end
$$;

create view found_block as
select
  bytes_hash_text(b.hash) as hash,
  b.height,
  b.state,
  b.confirmations,
  b.scheme,
  coalesce(a.address, '') as finder,
  coalesce(b.finder_worker, '') as worker,
  b.source,
  b.found_at,
  (select sum(o.sats) from block_output o where o.hash = b.hash)::bigint as sats,
  b.activation
from block b
left join payout_address a on a.payout_script = b.finder_script;

comment on view found_block is 'Found blocks for people';

do $$
begin
  revoke execute on function pool_script_add, block_record, block_attempt_record, block_move, chain_scan_move from public;
  if exists (select from pg_roles where rolname = 'lode_pool') then
    grant execute on function pool_script_add, block_record, block_attempt_record, block_move, chain_scan_move to lode_pool;
    grant select on pool_script, block, block_output, chain_scan to lode_pool;
  end if;
  if exists (select from pg_roles where rolname = 'lode_money') then
    grant select on pool_script, block, block_output, block_attempt, block_event, chain_scan, found_block to lode_money;
    grant execute on function block_record, block_move, chain_scan_move to lode_money;
  end if;
  if exists (select from pg_roles where rolname = 'lode_read') then
    grant select on found_block, block_event to lode_read;
  end if;
end
$$;
