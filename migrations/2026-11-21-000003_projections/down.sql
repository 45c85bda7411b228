-- SPDX-License-Identifier: Apache-2.0 OR MIT
create or replace procedure project(p_registry int, p_from bigint, p_to bigint) language plpgsql as $$
begin
  call project_records(p_registry, p_from, p_to);
  call project_staff(p_registry, p_from, p_to);
end $$;

create or replace function fingerprint(p_registry int) returns text language plpgsql as $$
declare
  t text;
  part text;
  total text := '';
begin
  foreach t in array array['entities', 'entity_identifiers', 'accreditations', 'tuples', 'statements', 'delegations',
                           'status_changes', 'terms', 'schemas', 'keys', 'staff'] loop
    execute format('select coalesce(encode(sha256(convert_to(string_agg(r::text, E''\n'' order by r::text), ''UTF8'')),
                    ''hex''), ''-'') from %I r where registry_id = $1', t) into part using p_registry;
    total := total || t || '=' || part || E'\n';
  end loop;
  return total;
end $$;

create or replace procedure rebuild(p_registry int) language plpgsql as $$
declare
  t text;
  s bigint;
begin
  foreach t in array array['status_changes', 'delegations', 'terms', 'schemas', 'statements', 'tuples',
                           'accreditations', 'entity_identifiers', 'entities', 'keys', 'staff'] loop
    execute format('delete from %I where registry_id = $1', t) using p_registry;
  end loop;
  for s in select seq from events where registry_id = p_registry order by seq loop
    call project(p_registry, s, s);
  end loop;
end $$;
drop table projectors;
drop table projections;
