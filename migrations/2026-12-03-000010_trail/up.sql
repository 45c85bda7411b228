-- What others are told as it happens: security events, numbered without gaps, and how far each receiver is. Events of
-- the registry itself are in `events`.
-- SPDX-License-Identifier: Apache-2.0 OR MIT

create table security_heads (
  registry_id int primary key references registries,
  -- Of the newest.
  seq         bigint not null check (seq > 0)
);

create table security_events (
  registry_id int not null references registries,
  seq         bigint not null,
  at          timestamptz not null,
  kind        text not null check (kind ~ '^[A-Z_]{1,64}$'),
  detail      jsonb not null,
  primary key (registry_id, seq)
);

create table trail_marks (
  registry_id  int not null references registries,
  receiver     text not null check (receiver in ('SYSLOG', 'OTLP')),
  stream       text not null check (stream in ('AUDIT', 'SECURITY')),
  -- Number of the last event that the receiver has.
  upto         bigint not null default 0,
  -- Who tells it now, and until when nobody else does.
  lease        uuid,
  leased_until timestamptz not null default '-infinity',
  primary key (registry_id, receiver, stream)
);

-- They go with what is known of who has looked at what. Everything else as before.
alter function retain(int, text, timestamptz, timestamptz, boolean) rename to retain_records;
create function retain(p_registry int, p_class text, p_before timestamptz, p_at timestamptz, p_remove boolean)
  returns bigint language plpgsql security definer set search_path = public, pg_temp as $$
declare
  n bigint := retain_records(p_registry, p_class, p_before, p_at, p_remove);
begin
  if p_class = 'ACCESSES' and p_remove then
    delete from security_events where registry_id = p_registry and at < p_before;
  end if;
  return n;
end $$;
revoke execute on function retain(int, text, timestamptz, timestamptz, boolean) from public;
revoke execute on function retain_records(int, text, timestamptz, timestamptz, boolean) from charter_runtime;
grant execute on function retain(int, text, timestamptz, timestamptz, boolean) to charter_runtime;

do $$
declare
  t text;
begin
  foreach t in array array['security_heads', 'security_events', 'trail_marks'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy tenant on %I using (registry_id = tenant()) with check (registry_id = tenant())', t);
    execute format('grant select, insert on %I to charter_runtime', t);
  end loop;
end $$;
-- What is moved to another site is recorded there.
create trigger registry_stays before insert or update or delete on security_heads for each statement
  execute function registry_stays();
create trigger registry_stays before insert or update or delete on security_events for each statement
  execute function registry_stays();
grant update (seq) on security_heads to charter_runtime;
grant update (upto, lease, leased_until) on trail_marks to charter_runtime;
