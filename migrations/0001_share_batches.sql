-- Share batches: what the pool acknowledges to miners. The payload's layout is described in docs/share-batches.md.

create table share_batch (
  part_hour   integer     not null check (part_hour >= 0),
  run         uuid        not null,
  seq         bigint      not null check (seq >= 0),
  n           integer     not null check (n > 0),
  work        numeric     not null check (work > 0 and scale(work) = 0),
  payload     bytea       not null,
  sha256      bytea       not null check (octet_length(sha256) = 32),
  received_at timestamptz not null default now(),
  -- A unique key of a partitioned table has to contain part_hour. It is fixed when a batch is built, so a batch that is
  -- sent again meets itself.
  primary key (part_hour, run, seq)
) partition by range (part_hour);

-- Never compressed, so that writing costs no time.
alter table share_batch alter column payload set storage external;

comment on table share_batch is 'Immutable records of acknowledged shares; one partition an hour';
comment on column share_batch.part_hour is 'Hours since the Unix epoch when the batch was built';
comment on column share_batch.run is 'Drawn by a pool server at its start';
comment on column share_batch.seq is 'Counts the batches of a run';
comment on column share_batch.n is 'Shares in the payload';
comment on column share_batch.work is 'Sum of the shares'' work, expected hashes';
comment on column share_batch.payload is 'Shares, see docs/share-batches.md and the view share';
comment on column share_batch.sha256 is 'SHA-256 of the payload, computed by the pool server';

-- Batches are written once. Old ones leave with their partition.
create function share_batch_refuse_change() returns trigger
language plpgsql as $$
begin
  raise exception 'share batches are never changed' using errcode = 'LB002';
end
$$;

create trigger share_batch_immutable before update or delete on share_batch
for each row execute function share_batch_refuse_change();

-- Creates the partition of one hour where it is missing; true when it did. The table is made apart and attached then,
-- which lets commits of other hours go on.
create function share_batch_create_partition(hour integer) returns boolean
language plpgsql as $$
declare
  partition_name text := 'share_batch_' || to_char(to_timestamp(hour::bigint * 3600) at time zone 'UTC', 'YYYYMMDD_HH24');
begin
  -- One creator at a time: "SHRB" and the hour.
  perform pg_advisory_xact_lock(1397248578, hour);
  -- A query sees what an earlier creator committed; to_regclass may still remember that there was no such table.
  if exists (
    select from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'share_batch'::regclass and c.relname = partition_name
  ) then
    return false;
  end if;
  execute format(
    'create table %I (like share_batch including defaults including constraints including storage)', partition_name);
  execute format(
    'alter table share_batch attach partition %I for values from (%s) to (%s)', partition_name, hour, hour::bigint + 1);
  return true;
end
$$;

-- Stores a batch: true when it is new, false when this very batch is stored already. Raises LB001 when another batch has
-- the key. The repeated batch is locked, which writes to the log: so the answer waits for the disk (and for the standby,
-- where there is one) until the first attempt's commit has reached it too.
create function share_batch_commit(
  batch_part_hour integer,
  batch_run uuid,
  batch_seq bigint,
  batch_n integer,
  batch_work numeric,
  batch_payload bytea,
  batch_sha256 bytea
) returns boolean
language plpgsql as $$
declare
  stored_sha256 bytea;
begin
  insert into share_batch (part_hour, run, seq, n, work, payload, sha256)
  values (batch_part_hour, batch_run, batch_seq, batch_n, batch_work, batch_payload, batch_sha256)
  on conflict do nothing;
  if found then
    return true;
  end if;
  select b.sha256 into stored_sha256
  from share_batch b
  where b.part_hour = batch_part_hour and b.run = batch_run and b.seq = batch_seq
  for share;
  if not found then
    raise exception 'share batch vanished while it was stored' using errcode = '40001';
  end if;
  if stored_sha256 <> batch_sha256 then
    raise exception 'another share batch has the key (%, %)', batch_run, batch_seq using errcode = 'LB001';
  end if;
  return false;
end
$$;

-- Little-endian integers of a byte string.
create function bytes_u16(bytes bytea, at integer) returns integer
language sql immutable strict parallel safe as $$
  select get_byte(bytes, at) + get_byte(bytes, at + 1) * 256
$$;

create function bytes_u32(bytes bytea, at integer) returns bigint
language sql immutable strict parallel safe as $$
  select get_byte(bytes, at)
    + get_byte(bytes, at + 1) * 256::bigint
    + get_byte(bytes, at + 2) * 65536::bigint
    + get_byte(bytes, at + 3) * 16777216::bigint
$$;

create function bytes_u128(bytes bytea, at integer) returns numeric
language sql immutable strict parallel safe as $$
  select bytes_u32(bytes, at)
    + bytes_u32(bytes, at + 4) * 4294967296::numeric
    + bytes_u32(bytes, at + 8) * 18446744073709551616::numeric
    + bytes_u32(bytes, at + 12) * 79228162514264337593543950336::numeric
$$;

-- Expands a payload, version 1, into its shares (docs/share-batches.md).
create function share_batch_rows(payload bytea) returns table (
  row_number integer,
  connection_id bigint,
  channel_id bigint,
  sequence_number bigint,
  payout_script bytea,
  worker text,
  fee_class integer,
  work numeric
)
language plpgsql immutable strict parallel safe as $$
declare
  -- A copy in memory: every look into a stored value would read all of it again.
  bytes bytea := payload || ''::bytea;
  scripts bytea[] := '{}';
  workers text[] := '{}';
  row_count integer;
  identity integer;
  size integer;
  at integer := 16;
begin
  if octet_length(bytes) < 16 or substr(bytes, 1, 3) <> 'LSB'::bytea then
    raise exception 'not a share batch' using errcode = 'LB003';
  end if;
  if get_byte(bytes, 3) <> 1 then
    raise exception 'share batch layout % is unknown', get_byte(bytes, 3) using errcode = 'LB003';
  end if;
  row_count := bytes_u32(bytes, 4);
  for i in 1 .. bytes_u32(bytes, 8) loop
    size := bytes_u16(bytes, at);
    scripts := scripts || substr(bytes, at + 3, size);
    at := at + 2 + size;
    size := get_byte(bytes, at);
    workers := workers || convert_from(substr(bytes, at + 2, size), 'UTF8');
    at := at + 1 + size;
  end loop;
  for i in 0 .. row_count - 1 loop
    identity := bytes_u32(bytes, at + 12) + 1;
    row_number := i;
    connection_id := bytes_u32(bytes, at);
    channel_id := bytes_u32(bytes, at + 4);
    sequence_number := bytes_u32(bytes, at + 8);
    payout_script := scripts[identity];
    worker := workers[identity];
    work := bytes_u128(bytes, at + 16);
    fee_class := get_byte(bytes, at + 32);
    return next;
    at := at + 33;
  end loop;
end
$$;

-- Every acknowledged share, for people. The pool itself reads batches.
create view share as
select
  b.run,
  b.seq,
  s.row_number,
  s.connection_id,
  s.channel_id,
  s.sequence_number,
  s.payout_script,
  s.worker,
  s.fee_class,
  s.work,
  to_timestamp(b.part_hour::bigint * 3600) as received_hour
from share_batch b
cross join lateral share_batch_rows(b.payload) s;

comment on view share is 'Every acknowledged share, expanded from share_batch';
