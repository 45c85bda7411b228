-- Keys and certificates of services: bound under four eyes, taken away by one security officer at once.
-- SPDX-License-Identifier: Apache-2.0 OR MIT

-- Only hashes: of a key's text, or of a certificate's SubjectPublicKeyInfo.
create table staff_credentials (
  registry_id   int not null references registries,
  credential_id uuid not null,
  staff_id      bigint not null,
  credential    text not null check (credential in ('API_KEY', 'CERTIFICATE')),
  sha256        text not null,
  scopes        text[] not null,
  valid_until   timestamptz not null,
  recorded      int8range not null,
  primary key (registry_id, credential_id),
  -- Once, for ever: what was taken away does not come back as somebody else's.
  unique (registry_id, sha256)
);

-- The last day on which it was used; no projection.
create table credential_uses (
  registry_id   int not null references registries,
  credential_id uuid not null,
  day           date not null,
  primary key (registry_id, credential_id)
);

create procedure project_credentials(p_registry int, p_from bigint, p_to bigint) language plpgsql as $$
declare
  e record;
begin
  for e in select seq, kind, recorded_at, convert_from(body, 'UTF8')::jsonb -> 'data' as d from events
            where registry_id = p_registry and kind in ('CredentialBound', 'CredentialRevoked')
              and seq between p_from and p_to order by seq loop
    if e.kind = 'CredentialBound' then
      if not exists (select from staff where registry_id = p_registry and staff_id = (e.d ->> 'staff_id')::bigint
                        and service and upper_inf(recorded)) then
        raise exception 'a credential of somebody who is no service in office'
          using errcode = 'integrity_constraint_violation';
      end if;
      if (e.d ->> 'valid_until')::timestamptz > e.recorded_at + interval '366 days' then
        raise exception 'a credential for longer than a year' using errcode = 'integrity_constraint_violation';
      end if;
      insert into staff_credentials values (p_registry, (e.d ->> 'credential_id')::uuid, (e.d ->> 'staff_id')::bigint,
        e.d ->> 'credential', e.d ->> 'sha256', array(select jsonb_array_elements_text(e.d -> 'scopes')),
        (e.d ->> 'valid_until')::timestamptz, int8range(e.seq, null));
    else
      update staff_credentials set recorded = int8range(lower(recorded), e.seq)
       where registry_id = p_registry and credential_id = (e.d ->> 'credential_id')::uuid and upper_inf(recorded);
    end if;
  end loop;
end $$;
insert into projections values ('staff_credentials', 120);
insert into projectors values ('project_credentials', 30, '{CredentialBound,CredentialRevoked}');

-- What one person may do at once: suspend an entity until it lapses, and take a credential away. Both take away only.
create function emergency_is_allowed(p_registry int, p_kind text, p_actor text, p_recorded_at timestamptz, d jsonb)
  returns boolean language plpgsql stable as $$
begin
  return case p_kind
    when 'StatusChanged' then d ->> 'state' = 'SUSPENDED' and d ->> 'target' = 'entity'
      and (d ->> 'lapses_at')::timestamptz <= p_recorded_at + interval '24 hours'
      and exists (select from staff s where s.registry_id = p_registry and s.staff_id::text = p_actor
                     and upper_inf(s.recorded) and not s.service and s.roles && array['OFFICER', 'SECURITY_OFFICER'])
    when 'CredentialRevoked' then exists (select from staff s where s.registry_id = p_registry
                     and s.staff_id::text = p_actor and upper_inf(s.recorded) and not s.service
                     and s.roles && array['SECURITY_OFFICER'])
    else false end;
end $$;

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

do $$
declare
  t text;
begin
  foreach t in array array['staff_credentials', 'credential_uses'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy tenant on %I using (registry_id = tenant()) with check (registry_id = tenant())', t);
    execute format('grant select, insert on %I to charter_runtime', t);
  end loop;
end $$;
grant update (recorded) on staff_credentials to charter_runtime;
grant update (day) on credential_uses to charter_runtime;
