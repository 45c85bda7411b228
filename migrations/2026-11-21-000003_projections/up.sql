-- Projections register themselves: a later migration adds a table or a projector as a row, not by rewriting functions.
-- SPDX-License-Identifier: Apache-2.0 OR MIT

-- Tables that follow from events alone, in the order in which a rebuild empties them.
create table projections (
  name     text primary key,
  position smallint not null
);
insert into projections values
  ('status_changes', 10), ('delegations', 20), ('terms', 30), ('schemas', 40), ('statements', 50), ('tuples', 60),
  ('accreditations', 70), ('entity_identifiers', 80), ('entities', 90), ('keys', 100), ('staff', 110);

-- Procedures (registry int, from bigint, to bigint) that write them, in order; each for the kinds of event it knows.
create table projectors (
  name     text primary key,
  position smallint not null,
  kinds    text[] not null
);
insert into projectors values
  ('project_records', 10, '{KeyAdded,EntityRegistered,AccreditationGranted,StatementMade,SchemaPublished,DelegationMade,StatusChanged}'),
  ('project_staff', 20, '{StaffAppointed,StaffDismissed}');

grant select on projections, projectors to charter_runtime;

create or replace procedure project(p_registry int, p_from bigint, p_to bigint) language plpgsql as $$
declare
  t text;
begin
  for t in select p.name from projectors p
            where exists (select from events e where e.registry_id = p_registry and e.seq between p_from and p_to
                             and e.kind = any(p.kinds))
            order by p.position loop
    execute format('call %I($1, $2, $3)', t) using p_registry, p_from, p_to;
  end loop;
end $$;

create or replace function fingerprint(p_registry int) returns text language plpgsql as $$
declare
  t text;
  part text;
  total text := '';
begin
  for t in select name from projections order by position loop
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
  for t in select name from projections order by position loop
    execute format('delete from %I where registry_id = $1', t) using p_registry;
  end loop;
  for s in select seq from events where registry_id = p_registry order by seq loop
    call project(p_registry, s, s);
  end loop;
end $$;
