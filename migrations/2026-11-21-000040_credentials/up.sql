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
