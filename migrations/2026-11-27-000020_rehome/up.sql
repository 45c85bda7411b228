-- A registry moves to another deployment: what fences it where it leaves, and what lets it in where it arrives.
-- SPDX-License-Identifier: Apache-2.0 OR MIT

-- Set: the registry is not served from this database: it has left, or has arrived and was not started. Only the owner
-- sets it.
alter table registry_epochs add column moved_at timestamptz;

-- One row a move and end of it. `allowed` is the event that allowed it. Who has imported knows `receipt`, who has
-- finished knows `release_code`: each end goes on only with what the other has shown.
create table rehomes (
  registry_id    int not null references registries,
  rehome_id      uuid not null,
  way            text not null check (way in ('OUT', 'IN')),
  state          text not null check (state in ('EXPORTED', 'ABORTED', 'FINISHED', 'IMPORTED', 'STARTED')),
  allowed        bigint not null,
  epoch          bigint not null,
  receipt        text not null,
  release_code   text,
  release_sha256 text not null,
  at             timestamptz not null,
  primary key (registry_id, rehome_id, way),
  check ((way = 'OUT') = (release_code is not null)),
  check ((way = 'OUT' and state in ('EXPORTED', 'ABORTED', 'FINISHED')) or (way = 'IN' and state in ('IMPORTED', 'STARTED')))
);
create unique index rehomes_one_out on rehomes (registry_id) where state = 'EXPORTED';
alter table rehomes enable row level security;
alter table rehomes force row level security;
create policy tenant on rehomes using (registry_id = tenant()) with check (registry_id = tenant());
-- No grants: nobody but the owner reads the codes.

-- Whatever the program believes: nothing is recorded, signed or published of a registry that is not served from here.
create function registry_stays() returns trigger language plpgsql as $$
begin
  if exists (select from registry_epochs where registry_id = tenant() and moved_at is not null) and not is_refill() then
    raise exception 'the registry has moved' using errcode = 'read_only_sql_transaction';
  end if;
  return null;
end $$;

do $$
declare
  t text;
begin
  foreach t in array array['events', 'event_restricted', 'principals', 'documents', 'proposals', 'approvals', 'requests',
                           'sealed_keys', 'log_heads', 'log_tiles', 'log_keys', 'webhooks', 'accesses'] loop
    execute format('create trigger registry_stays before insert or update or delete on %I for each statement '
                   'execute function registry_stays()', t);
  end loop;
end $$;

-- As before; nobody takes the log of a registry that has moved.
create or replace function take_log(p_registry int) returns bigint language plpgsql as $$
declare
  t bigint;
begin
  if exists (select from registry_epochs where registry_id = p_registry and moved_at is not null) then
    return null;
  end if;
  -- The first number is "clog" in ASCII: any that nobody else uses.
  if not pg_try_advisory_lock(1668050791, p_registry) then
    return null;
  end if;
  perform set_config('app.registry', p_registry::text, true);
  insert into log_heads (registry_id, root, term)
    values (p_registry, decode('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', 'hex'), 1)
    on conflict (registry_id) do update set term = log_heads.term + 1
    returning term into t;
  return t;
end $$;

-- What was looked at where it was recorded is not looked at again when it arrives elsewhere.
create or replace trigger approval_counts before insert on approvals
  for each row when (not is_refill()) execute function approval_counts();
create or replace trigger proposal_keeps_policy before insert or update of quorum, measure on proposals
  for each row when (not is_refill()) execute function proposal_keeps_policy();
create or replace trigger event_keeps_policy after insert on events
  for each row when (new.origin = 'governance' and not is_refill()) execute function event_keeps_policy();
