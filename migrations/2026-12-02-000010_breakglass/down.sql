-- The signed denials are lost as evidence; the suspensions that were recorded for them stay.
-- SPDX-License-Identifier: Apache-2.0 OR MIT

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

drop function breakglass_is_allowed(int, text, timestamptz, jsonb);
drop table emergency_denials;
