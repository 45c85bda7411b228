-- Retention: what goes by itself after a time, and that it went.
-- SPDX-License-Identifier: Apache-2.0 OR MIT

-- How much of which class went when; never what.
create table retention_runs (
  registry_id int not null references registries,
  run_id      bigint generated always as identity,
  at          timestamptz not null,
  class       text not null,
  before      timestamptz not null,
  removed     bigint not null,
  primary key (registry_id, run_id)
);

-- What of a class is older than an instant: counted, and removed if asked to. Whatever the configuration says, nothing
-- younger than 30 days goes. A proposal that expired is closed; events and their commitments stay.
create function retain(p_registry int, p_class text, p_before timestamptz, p_at timestamptz, p_remove boolean)
  returns bigint language plpgsql security definer set search_path = public, pg_temp as $$
declare
  n bigint;
  more bigint := 0;
begin
  if p_registry is distinct from tenant() or p_before is null or p_before > now() - interval '30 days' then
    raise exception 'nothing younger than 30 days is removed' using errcode = 'integrity_constraint_violation';
  end if;
  case p_class
    when 'PROPOSAL_REASONS' then
      if p_remove then
        update proposals set reason = '', closed_why = case when closed_why is not null then '' end
         where registry_id = p_registry and expires_at < p_before and (reason <> '' or coalesce(closed_why, '') <> '');
        get diagnostics n = row_count;
      else
        select count(*) into n from proposals
         where registry_id = p_registry and expires_at < p_before and (reason <> '' or coalesce(closed_why, '') <> '');
      end if;
    when 'CLOSED_PROPOSALS' then
      select count(*) into n from proposals
       where registry_id = p_registry and expires_at < p_before and state <> 'EXECUTED';
      if p_remove and n > 0 then
        delete from approvals a using proposals p
         where a.registry_id = p_registry and p.registry_id = p_registry and p.proposal_id = a.proposal_id
           and p.expires_at < p_before and p.state <> 'EXECUTED';
        delete from proposals where registry_id = p_registry and expires_at < p_before and state <> 'EXECUTED';
      end if;
    when 'RESTRICTED_PARTS' then
      select count(*) into n from event_restricted r join events e using (registry_id, seq)
       where r.registry_id = p_registry and e.recorded_at < p_before;
      select count(*) into more from proposals
       where registry_id = p_registry and expires_at < p_before and restricted is not null;
      if p_remove and n + more > 0 then
        delete from event_restricted r using events e
         where r.registry_id = p_registry and e.registry_id = p_registry and e.seq = r.seq and e.recorded_at < p_before;
        update proposals p set restricted = null, commitment = coalesce(p.commitment,
               (select convert_from(e.body, 'UTF8')::jsonb ->> 'restricted' from events e
                 where e.registry_id = p_registry and e.seq = p.seq))
         where registry_id = p_registry and expires_at < p_before and restricted is not null;
      end if;
    when 'ACCESSES' then
      select count(*) into n from accesses where registry_id = p_registry and at < p_before;
      if p_remove and n > 0 then
        delete from accesses where registry_id = p_registry and at < p_before;
      end if;
    else
      raise exception 'a class that nobody knows: %', p_class using errcode = 'integrity_constraint_violation';
  end case;
  if p_remove and n + more > 0 then
    insert into retention_runs (registry_id, at, class, before, removed)
      values (p_registry, p_at, p_class, p_before, n + more);
  end if;
  return n + more;
end $$;
revoke execute on function retain(int, text, timestamptz, timestamptz, boolean) from public;
grant execute on function retain(int, text, timestamptz, timestamptz, boolean) to charter_runtime;

alter table retention_runs enable row level security;
alter table retention_runs force row level security;
create policy tenant on retention_runs using (registry_id = tenant()) with check (registry_id = tenant());
grant select on retention_runs to charter_runtime;
