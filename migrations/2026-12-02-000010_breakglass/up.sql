-- Emergency denials: what two security officers signed offline, kept as evidence of the suspension that records it.
-- SPDX-License-Identifier: Apache-2.0 OR MIT

-- `document` is the file with both signatures. `entities` are those registered here whom it names; `seq` of the first
-- event that was recorded for it, absent where it changed nothing any more.
create table emergency_denials (
  registry_id int not null references registries,
  jti         uuid not null,
  document    bytea not null check (octet_length(document) between 1 and 16384),
  entities    uuid[] not null,
  until       timestamptz not null,
  recorded_at timestamptz not null,
  seq         bigint,
  primary key (registry_id, jti)
);

-- A suspension that lapses, of whom a denial names that was put on file in the same transaction. The database cannot
-- look at signatures: who audits does, in `document`.
create function breakglass_is_allowed(p_registry int, p_kind text, p_recorded_at timestamptz, d jsonb) returns boolean
  language plpgsql stable as $$
begin
  return p_kind = 'StatusChanged' and d ->> 'state' = 'SUSPENDED' and d ->> 'target' = 'entity'
    and (d ->> 'lapses_at')::timestamptz <= p_recorded_at + interval '24 hours'
    and exists (select from emergency_denials n where n.registry_id = p_registry and n.recorded_at = p_recorded_at
                   and n.until >= (d ->> 'lapses_at')::timestamptz and (d ->> 'target_id')::uuid = any (n.entities));
end $$;

-- As before, and with emergency denials.
create or replace function event_is_governed() returns trigger language plpgsql as $$
declare
  e record;
begin
  if exists (select from added a join registries r using (registry_id)
              where a.origin = 'bootstrap' and r.phase <> 'BOOTSTRAP') then
    raise exception 'a sealed registry takes no loaded records' using errcode = 'integrity_constraint_violation';
  end if;
  for e in select a.registry_id, a.kind, a.origin, a.actor, a.proposal, a.recorded_at, convert_from(a.body, 'UTF8')::jsonb as body
             from added a where a.origin <> 'bootstrap' loop
    if not coalesce(case e.origin
      when 'system' then e.kind in ('RegistryOpened', 'KeyAdded')
      when 'init' then e.kind in ('StaffAppointed', 'RegistrySealed')
        and exists (select from registries where registry_id = e.registry_id and phase = 'BOOTSTRAP')
      when 'emergency' then emergency_is_allowed(e.registry_id, e.kind, e.actor, e.recorded_at, e.body -> 'data')
      when 'breakglass' then breakglass_is_allowed(e.registry_id, e.kind, e.recorded_at, e.body -> 'data')
      when 'governance' then exists (
        select from proposals p
         where p.registry_id = e.registry_id and p.proposal_id = e.proposal and p.state = 'OPEN'
           and p.expires_at > e.recorded_at
           and p.change ->> 'kind' = e.kind and p.change -> 'data' is not distinct from e.body -> 'data'
           and (select count(distinct a.by_staff) from approvals a
                 where a.registry_id = p.registry_id and a.proposal_id = p.proposal_id and a.revision = p.revision
                   and a.over_hash = p.hash and a.by_staff <> p.proposer) >= p.quorum - 1)
      else false end, false)
    then
      raise exception 'an event that nobody may record: % of origin %', e.kind, e.origin
        using errcode = 'integrity_constraint_violation';
    end if;
  end loop;
  return null;
end $$;

alter table emergency_denials enable row level security;
alter table emergency_denials force row level security;
create policy tenant on emergency_denials using (registry_id = tenant()) with check (registry_id = tenant());
grant select, insert on emergency_denials to charter_runtime;
create trigger registry_stays before insert or update or delete on emergency_denials for each statement
  execute function registry_stays();
