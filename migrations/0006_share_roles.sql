-- Who may do what with share batches. The functions run with their owner's rights, so nobody has them by default: a pool
-- server stores batches, renews its lease, makes partitions and drops those that are in the books, and has no table.

-- Drops a partition whose shares are all in the books; raises LB004 while one is not.
create function share_batch_drop_folded(partition_name text) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  perform share_batch_drop_partition(partition_name, false);
end
$$;

do $$
begin
  revoke execute on function
    share_batch_store, share_batch_commit, share_batch_insert, producer_alive, producer_renew,
    share_batch_create_partition, share_batch_create_partitions, share_batch_drop_folded, share_batch_drop_partition
    from public;
  if exists (select from pg_roles where rolname = 'lode_pool') then
    grant execute on function
      share_batch_store, share_batch_commit, producer_alive,
      share_batch_create_partition, share_batch_create_partitions, share_batch_drop_folded to lode_pool;
    grant select on lode_migration to lode_pool;
  end if;
  if exists (select from pg_roles where rolname = 'lode_money') then
    grant select on payout_address, share to lode_money;
    grant select on lode_migration to lode_money;
  end if;
  if exists (select from pg_roles where rolname = 'lode_read') then
    grant select on share_batch, share, payout_address, producer to lode_read;
    grant select on lode_migration to lode_read;
  end if;
end
$$;
