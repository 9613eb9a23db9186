-- Slices that are open also keep when they are full and when they end.
alter table slice_open
  add column full_at timestamptz not null,
  add column ends_at timestamptz not null;

-- Whether a batch's shares are in sealed slices, or in slice_open: then the batch may go.
create or replace function share_batch_is_folded(batch_run uuid, batch_seq bigint) returns boolean
language sql stable as $$
  select exists (select from fold_cursor where run = batch_run and next_seq > batch_seq)
$$;

do $$
begin
  if exists (select from pg_roles where rolname = 'lode_money') then
    grant select on producer to lode_money;
  end if;
end
$$;
