-- An older database was restored: events that were published and are missing come back from a mirror of the log.
-- SPDX-License-Identifier: Apache-2.0 OR MIT

-- `restricted` and `appointed` count what cannot come back: restricted parts, and who new members of staff are.
-- `signed_at` is empty until the documents were signed anew.
create table log_refills (
  registry_id int not null references registries,
  from_seq    bigint not null,
  until_seq   bigint not null,
  at          timestamptz not null,
  restricted  bigint not null,
  appointed   bigint not null,
  signed_at   timestamptz,
  primary key (registry_id, from_seq),
  check (from_seq <= until_seq)
);
alter table log_refills enable row level security;
alter table log_refills force row level security;
create policy tenant on log_refills using (registry_id = tenant()) with check (registry_id = tenant());
grant select, update (signed_at) on log_refills to charter_runtime;

-- Only the owner refills: a function that the server's role could call would be a way around the approvals.
create function is_refill() returns boolean language plpgsql stable as $$
begin
  if coalesce(current_setting('app.refill', true), '') <> 'on' then
    return false;
  end if;
  return current_user = (select pg_get_userbyid(relowner) from pg_class where oid = 'public.events'::regclass);
end $$;

-- What these look at (proposals, approvals, the phase) is of the time that was lost; it was looked at then.
create or replace trigger event_is_governed after insert on events referencing new table as added
  for each statement when (not is_refill()) execute function event_is_governed();
create or replace trigger system_adds_one_key after insert on events
  for each row when (new.kind = 'KeyAdded' and new.origin = 'system' and not is_refill())
  execute function system_adds_one_key();

-- A page of events exactly as they were, and what follows from them. Each names the one before. Owner only.
create procedure refill(p_registry int, p_bodies bytea[]) language plpgsql as $$
declare
  last registry_epochs;
  until bigint;
begin
  select * into strict last from registry_epochs where registry_id = p_registry for update;
  if exists (
    select from (
      select last.epoch + n as expected, j, lag(sha256('\x00'::bytea || body), 1, last.head) over (order by n) as before,
             lag((j ->> 'recorded_at')::timestamptz, 1, last.recorded_at) over (order by n) as earlier
        from (select n, body, convert_from(body, 'UTF8')::jsonb as j
                from unnest(p_bodies) with ordinality as b(body, n)) x) y
     where (j ->> 'seq')::bigint is distinct from expected or j ->> 'prev' is distinct from encode(before, 'hex')
        or (j ->> 'recorded_at')::timestamptz is null or (j ->> 'recorded_at')::timestamptz < earlier
        or j ->> 'registry' is distinct from (select authority_id from registries where registry_id = p_registry))
  then
    raise exception 'an event that does not follow the one before' using errcode = 'integrity_constraint_violation';
  end if;
  perform set_config('app.refill', 'on', true);
  insert into events (registry_id, seq, kind, subject, body, leaf_hash, actor, origin, recorded_at, proposal)
    select p_registry, (j ->> 'seq')::bigint, j ->> 'kind', j ->> 'subject', body, sha256('\x00'::bytea || body),
           j ->> 'actor', j ->> 'origin', (j ->> 'recorded_at')::timestamptz,
           (select p.proposal_id from proposals p where p.registry_id = p_registry and p.state = 'OPEN'
               and p.hash = j -> 'approvals' -> 0 ->> 'over')
      from (select n, body, convert_from(body, 'UTF8')::jsonb as j
              from unnest(p_bodies) with ordinality as b(body, n)) x order by n;
  perform set_config('app.refill', '', true);
  until := last.epoch + coalesce(array_length(p_bodies, 1), 0);
  call project(p_registry, last.epoch + 1, until);
  update registry_epochs set epoch = until, head = e.leaf_hash, recorded_at = e.recorded_at
    from events e where registry_epochs.registry_id = p_registry and e.registry_id = p_registry and e.seq = until;
  -- A proposal that was open when the copy was made, and executed since, is not executed again.
  update proposals p set state = 'EXECUTED', seq = e.seq from events e
   where p.registry_id = p_registry and e.registry_id = p_registry and e.seq between last.epoch + 1 and until
     and e.proposal = p.proposal_id and p.state = 'OPEN';
  update registries set phase = 'GOVERNED' where registry_id = p_registry and phase = 'BOOTSTRAP'
     and exists (select from events e where e.registry_id = p_registry and e.kind = 'RegistrySealed');
end $$;

-- The end of it: documents that may say what holds no longer are gone until they are signed anew. Owner only.
create procedure refilled(p_registry int, p_from bigint, p_at timestamptz) language plpgsql as $$
begin
  delete from documents where registry_id = p_registry;
  insert into log_refills
    select p_registry, p_from, max(seq), p_at,
           count(*) filter (where convert_from(body, 'UTF8')::jsonb ->> 'restricted' is not null),
           count(*) filter (where kind = 'StaffAppointed'), null
      from events where registry_id = p_registry and seq >= p_from;
end $$;
revoke execute on procedure refill(int, bytea[]) from public;
revoke execute on procedure refilled(int, bigint, timestamptz) from public;
