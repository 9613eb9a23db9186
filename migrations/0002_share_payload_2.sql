-- Share batches of layout 2 (docs/share-batches.md), daily partitions, producers, and addresses by script. The release that
-- wrote layout 1 goes on working on these tables.

create function bytes_u64(bytes bytea, at integer) returns bigint
language sql immutable strict parallel safe as $$
  select bytes_u32(bytes, at) + bytes_u32(bytes, at + 4) * 4294967296::bigint
$$;

-- A field of 1, 2 or 4 bytes. Not strict: a strict function with a CASE is never inlined.
create function bytes_field(bytes bytea, at integer, width integer) returns bigint
language sql immutable parallel safe as $$
  select case width
    when 1 then get_byte(bytes, at)::bigint
    when 2 then bytes_u16(bytes, at)::bigint
    else bytes_u32(bytes, at)
  end
$$;

create function bytes_field_width(largest bigint) returns integer
language sql immutable parallel safe as $$
  select case when largest <= 255 then 1 when largest <= 65535 then 2 else 4 end
$$;

-- A hash as nodes and explorers write it: hex, the last byte first.
create function bytes_hash_text(bytes bytea) returns text
language sql immutable strict parallel safe as $$
  select string_agg(lpad(to_hex(get_byte(bytes, i)), 2, '0'), '' order by i desc)
  from generate_series(0, octet_length(bytes) - 1) i
$$;

drop view share;
drop function share_batch_rows(bytea);

-- Expands a payload, version 1 or 2, into its shares (docs/share-batches.md). Hashes are in the payload's order.
create function share_batch_rows(payload bytea) returns table (
  row_number integer,
  connection_id bigint,
  channel_id bigint,
  sequence_number bigint,
  payout_script bytea,
  worker text,
  fee_class integer,
  work numeric,
  credited_work numeric,
  job_kind text,
  prev_hash bytea,
  height bigint,
  nbits bigint,
  value bigint,
  reference_value bigint,
  template_fees bigint,
  received_ms bigint,
  block_hash bytea
)
language plpgsql immutable strict parallel safe rows 20 as $$
declare
  -- A copy in memory: every look into a stored value would read all of it again.
  bytes bytea := payload || ''::bytea;
  row_count integer;
  identity_count integer;
  job_count integer;
  work_count integer;
  identity_width integer;
  job_width integer;
  work_width integer;
  elapsed_width integer;
  began bigint;
  -- Where the entries of the dictionaries begin. A row whose entry is that of the row before keeps what was read.
  identity_at integer[] := '{}';
  work_at integer[] := '{}';
  jobs_at integer;
  last_identity integer := -1;
  last_job integer := -1;
  last_work integer := -1;
  block_at integer;
  at integer;
  field integer;
  entry integer;
  size integer;
  padded bytea;
begin
  if octet_length(bytes) < 16 or substr(bytes, 1, 3) <> 'LSB'::bytea then
    raise exception 'not a share batch' using errcode = 'LB003';
  end if;
  row_count := bytes_u32(bytes, 4);
  identity_count := bytes_u32(bytes, 8);

  if get_byte(bytes, 3) = 1 then
    at := 16;
    for i in 0 .. identity_count - 1 loop
      identity_at[i] := at;
      at := at + 2 + bytes_u16(bytes, at);
      at := at + 1 + get_byte(bytes, at);
    end loop;
    for i in 0 .. row_count - 1 loop
      row_number := i;
      connection_id := bytes_u32(bytes, at);
      channel_id := bytes_u32(bytes, at + 4);
      sequence_number := bytes_u32(bytes, at + 8);
      entry := identity_at[bytes_u32(bytes, at + 12)];
      size := bytes_u16(bytes, entry);
      payout_script := substr(bytes, entry + 3, size);
      entry := entry + 2 + size;
      worker := convert_from(substr(bytes, entry + 2, get_byte(bytes, entry)), 'UTF8');
      work := bytes_u128(bytes, at + 16);
      credited_work := work;
      fee_class := get_byte(bytes, at + 32);
      return next;
      at := at + 33;
    end loop;
    return;
  end if;

  if get_byte(bytes, 3) <> 2 then
    raise exception 'share batch layout % is unknown', get_byte(bytes, 3) using errcode = 'LB003';
  end if;
  if octet_length(bytes) < 44 then
    raise exception 'share batch ends in its header' using errcode = 'LB003';
  end if;
  job_count := bytes_u32(bytes, 16);
  work_count := bytes_u32(bytes, 20);
  began := bytes_u64(bytes, 32);
  identity_width := bytes_field_width(identity_count - 1);
  job_width := bytes_field_width(job_count - 1);
  work_width := bytes_field_width(work_count - 1);
  elapsed_width := bytes_field_width(bytes_u32(bytes, 40));
  at := 44;
  for i in 0 .. identity_count - 1 loop
    identity_at[i] := at;
    at := at + 3 + bytes_u16(bytes, at + 1);
    at := at + 1 + get_byte(bytes, at);
  end loop;
  jobs_at := at;
  at := jobs_at + job_count * 65;
  for i in 0 .. work_count - 1 loop
    work_at[i] := at;
    at := at + 1 + get_byte(bytes, at);
    size := get_byte(bytes, at);
    at := at + 1 + case size when 255 then 0 else size end;
  end loop;
  block_at := at + row_count * (13 + identity_width + job_width + work_width + elapsed_width);

  for i in 0 .. row_count - 1 loop
    row_number := i;
    connection_id := bytes_u32(bytes, at);
    channel_id := bytes_u32(bytes, at + 4);
    sequence_number := bytes_u32(bytes, at + 8);
    at := at + 12;
    field := bytes_field(bytes, at, identity_width);
    at := at + identity_width;
    if field <> last_identity then
      last_identity := field;
      entry := identity_at[field];
      fee_class := get_byte(bytes, entry);
      size := bytes_u16(bytes, entry + 1);
      payout_script := substr(bytes, entry + 4, size);
      entry := entry + 3 + size;
      worker := convert_from(substr(bytes, entry + 2, get_byte(bytes, entry)), 'UTF8');
    end if;
    field := bytes_field(bytes, at, job_width);
    at := at + job_width;
    if field <> last_job then
      last_job := field;
      entry := jobs_at + field * 65;
      job_kind := case get_byte(bytes, entry) when 0 then 'pool' when 1 then 'solo' when 2 then 'custom' end;
      prev_hash := substr(bytes, entry + 2, 32);
      height := bytes_u32(bytes, entry + 33);
      nbits := bytes_u32(bytes, entry + 37);
      value := bytes_u64(bytes, entry + 41);
      reference_value := bytes_u64(bytes, entry + 49);
      template_fees := bytes_u64(bytes, entry + 57);
    end if;
    field := bytes_field(bytes, at, work_width);
    at := at + work_width;
    if field <> last_work then
      last_work := field;
      entry := work_at[field];
      size := get_byte(bytes, entry);
      padded := substr(bytes, entry + 2, size) || substr('\x00000000000000000000000000000000'::bytea, size + 1);
      if size < 8 then
        work := bytes_u64(padded, 0);
      else
        work := bytes_u128(padded, 0);
      end if;
      entry := entry + 1 + size;
      size := get_byte(bytes, entry);
      if size = 255 then
        credited_work := work;
      else
        padded := substr(bytes, entry + 2, size) || substr('\x00000000000000000000000000000000'::bytea, size + 1);
        credited_work := bytes_u128(padded, 0);
      end if;
    end if;
    received_ms := began + bytes_field(bytes, at, elapsed_width);
    at := at + elapsed_width;
    if get_byte(bytes, at) = 0 then
      block_hash := null;
    else
      block_hash := substr(bytes, block_at + 1, 32);
      block_at := block_at + 32;
    end if;
    at := at + 1;
    return next;
  end loop;
end
$$;

-- The pool tells a script's address with the first batch that names it.
create table payout_address (
  payout_script bytea       primary key,
  address       text        not null check (octet_length(address) between 1 and 128),
  first_seen    timestamptz not null default now()
);

create index payout_address_by_address on payout_address (address);

comment on table payout_address is 'Addresses of scripts that shares name, for people';

-- The value of part_hour for a time. Inlined, so that a condition on part_hour leaves partitions out.
create function share_hour(at timestamptz) returns integer
language sql stable strict parallel safe as $$
  select floor(extract(epoch from at) / 3600)::integer
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
  to_timestamp(b.part_hour::bigint * 3600) as received_hour,
  b.part_hour,
  a.address,
  to_timestamp(s.received_ms / 1000.0) as received_at,
  b.received_at as committed_at,
  s.credited_work,
  s.job_kind,
  bytes_hash_text(s.prev_hash) as prev_hash,
  s.height,
  s.nbits,
  s.value,
  s.reference_value,
  s.template_fees,
  bytes_hash_text(s.block_hash) as block_hash
from share_batch b
cross join lateral share_batch_rows(b.payload) s
left join payout_address a on a.payout_script = s.payout_script;

comment on view share is 'Every acknowledged share, expanded from share_batch. Name part_hour in the condition';
comment on column share.address is 'Null for a script that only batches of layout 1 name';
comment on column share.received_at is 'Clock of the pool server; null in layout 1';
comment on column share.committed_at is 'Clock of the database';
comment on column share.credited_work is 'What counts for the miner, expected hashes';
comment on column share.block_hash is 'Only of a share that met the network''s target';

-- Who commits share batches: one row a run, renewed with each commit and every two seconds when there is none.
create table producer (
  run         uuid        primary key,
  started     timestamptz not null default now(),
  last_seq    bigint,
  watermark   timestamptz not null,
  lease_until timestamptz not null,
  ended       timestamptz
) with (fillfactor = 50);

comment on table producer is 'Runs of pool servers. All times are the database''s clock';
comment on column producer.last_seq is 'Highest seq stored; null before the first batch';
comment on column producer.watermark is 'What the run accepted before is stored, give or take the network''s delay';
comment on column producer.lease_until is 'The run is alive until then';
comment on column producer.ended is 'When it stopped or was given up; null again when it commits after all';

insert into producer (run, started, last_seq, watermark, lease_until, ended)
select run, min(received_at), max(seq), max(received_at), max(received_at), max(received_at)
from share_batch
group by run;

-- Renews a run's lease. `behind_ms`: for how long its oldest share that is not stored has waited, 0 when there is none.
create function producer_renew(producer_run uuid, stored_seq bigint, behind_ms integer, has_ended boolean) returns void
language sql as $$
  insert into producer as p (run, last_seq, watermark, lease_until, ended)
  values (
    producer_run,
    stored_seq,
    now() - make_interval(secs => behind_ms / 1000.0),
    now() + interval '10 s',
    case when has_ended then now() end
  )
  on conflict (run) do update set
    last_seq = greatest(p.last_seq, excluded.last_seq),
    watermark = greatest(p.watermark, excluded.watermark),
    lease_until = greatest(p.lease_until, excluded.lease_until),
    ended = excluded.ended
$$;

-- A run that stores nothing at the moment. Not worth a wait for the disk: a lost renewal is made up for by the next.
create function producer_alive(producer_run uuid, has_ended boolean) returns void
language plpgsql security definer set search_path = public, pg_temp set synchronous_commit = off as $$
begin
  perform producer_renew(producer_run, null, 0, has_ended);
end
$$;

-- Stores a batch: true when it is new, false when this very batch is stored already. Raises LB001 when another batch has
-- the key. The repeated batch is locked, which writes to the log: so the answer waits for the disk (and for the standby,
-- where there is one) until the first attempt's commit has reached it too.
create function share_batch_insert(
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

-- As the release that wrote layout 1 calls it.
create or replace function share_batch_commit(
  batch_part_hour integer,
  batch_run uuid,
  batch_seq bigint,
  batch_n integer,
  batch_work numeric,
  batch_payload bytea,
  batch_sha256 bytea
) returns boolean
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  is_new boolean := share_batch_insert(
    batch_part_hour, batch_run, batch_seq, batch_n, batch_work, batch_payload, batch_sha256);
begin
  perform producer_renew(batch_run, batch_seq, 0, false);
  return is_new;
end
$$;

-- Stores a batch (see share_batch_insert), renews its producer, and remembers addresses: {"script in hex": "address"}, or
-- null for none.
create function share_batch_store(
  batch_part_hour integer,
  batch_run uuid,
  batch_seq bigint,
  batch_n integer,
  batch_work numeric,
  batch_payload bytea,
  batch_sha256 bytea,
  behind_ms integer,
  addresses jsonb
) returns boolean
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  is_new boolean := share_batch_insert(
    batch_part_hour, batch_run, batch_seq, batch_n, batch_work, batch_payload, batch_sha256);
begin
  perform producer_renew(batch_run, batch_seq, behind_ms, false);
  if addresses is not null then
    -- In order: two pool servers that know the same new miners must not wait for each other.
    insert into payout_address (payout_script, address)
    select decode(key, 'hex'), value from jsonb_each_text(addresses) order by 1
    on conflict do nothing;
  end if;
  return is_new;
end
$$;

-- The partitions of share_batch and the hours they hold, from and up to but not including.
create function share_batch_ranges() returns table (id oid, name text, from_hour integer, to_hour integer)
language sql stable as $$
  select c.oid, c.relname::text, bounds[1]::integer, bounds[2]::integer
  from pg_inherits i
  join pg_class c on c.oid = i.inhrelid
  cross join lateral regexp_match(pg_get_expr(c.relpartbound, c.oid), '\((\d+)\) TO \((\d+)\)') bounds
  where i.inhparent = 'share_batch'::regclass
$$;

-- The same for people, with their sizes.
create function share_batch_partitions() returns table (name text, from_hour integer, to_hour integer, bytes bigint)
language sql stable security definer set search_path = public, pg_temp as $$
  select name, from_hour, to_hour, pg_total_relation_size(id) from share_batch_ranges() order by from_hour
$$;

-- Creates the partition of a whole UTC day, or of what partitions of single hours leave of it around that hour; true when it
-- did. The table is made apart and attached then, which lets commits of other days go on.
create or replace function share_batch_create_partition(hour integer) returns boolean
language plpgsql security definer set search_path = public, pg_temp set lock_timeout = '1s' as $$
declare
  first integer := hour - hour % 24;
  last integer := first + 24;
  is_there boolean;
  partition_name text;
begin
  -- One creator at a time: "SHRB".
  perform pg_advisory_xact_lock(1397248578);
  select
    greatest(first, max(p.to_hour) filter (where p.to_hour <= hour)),
    least(last, min(p.from_hour) filter (where p.from_hour > hour)),
    coalesce(bool_or(p.from_hour <= hour and hour < p.to_hour), false)
  into first, last, is_there
  from share_batch_ranges() p;
  if is_there then
    return false;
  end if;
  partition_name := 'share_batch_' || to_char(
    to_timestamp(first::bigint * 3600) at time zone 'UTC',
    case when last - first = 24 then 'YYYYMMDD' else 'YYYYMMDD_HH24' end
  );
  execute format(
    'create table %I (like share_batch including defaults including constraints including storage)', partition_name);
  execute format('alter table share_batch attach partition %I for values from (%s) to (%s)', partition_name, first, last);
  return true;
end
$$;

-- Creates what is missing of the hour's day and the days behind it. Returns how many partitions it made.
create function share_batch_create_partitions(hour integer, days_ahead integer) returns integer
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  created integer := 0;
begin
  for day in 0 .. days_ahead loop
    if share_batch_create_partition(hour + 24 * day) then
      created := created + 1;
    end if;
  end loop;
  return created;
end
$$;

-- Whether a batch's shares are in the books, so that the batch may go. Nothing keeps such books yet.
create function share_batch_is_folded(batch_run uuid, batch_seq bigint) returns boolean
language sql stable as $$
  select false
$$;

-- Drops a partition. Raises LB004 while a batch in it is not folded, unless told to drop it all the same.
create function share_batch_drop_partition(partition_name text, even_unfolded boolean) returns void
language plpgsql security definer set search_path = public, pg_temp set lock_timeout = '250ms' as $$
declare
  unfolded bigint := 0;
begin
  if not exists (select from share_batch_ranges() p where p.name = partition_name) then
    raise exception 'share_batch has no partition %', partition_name using errcode = '42P01';
  end if;
  -- Nothing may come into it meanwhile. Commits of other days go on until the drop itself, which is short.
  execute format('lock table only %I in share row exclusive mode', partition_name);
  if not even_unfolded then
    execute format('select count(*) from %I b where not share_batch_is_folded(b.run, b.seq)', partition_name) into unfolded;
  end if;
  if unfolded > 0 then
    raise exception '% batches in % are not folded', unfolded, partition_name using errcode = 'LB004';
  end if;
  execute format('drop table %I', partition_name);
end
$$;

-- Compiling a plan over many partitions takes longer than running it. The server may keep this to its administrator.
do $$
begin
  execute format('alter role %I in database %I set jit = off', current_user, current_database());
exception when insufficient_privilege then
  raise notice 'jit stays as it is: % may not change its own settings', current_user;
end
$$;
