-- Projections: the only writers of the tables from `entities` to `keys`. They register themselves: a later migration
-- adds a table or a projector as a row, not by rewriting functions.
-- SPDX-License-Identifier: Apache-2.0 OR MIT

-- Tables that follow from events alone, in the order in which a rebuild empties them.
create table projections (
  name     text primary key,
  position smallint not null
);
insert into projections values
  ('status_changes', 10), ('delegations', 20), ('terms', 30), ('schemas', 40), ('statements', 50), ('tuples', 60),
  ('accreditations', 70), ('entity_identifiers', 80), ('entities', 90), ('keys', 100);

-- Procedures (registry int, from bigint, to bigint) that write them, in order; each for the kinds of event it knows.
create table projectors (
  name     text primary key,
  position smallint not null,
  kinds    text[] not null
);
insert into projectors values
  ('project_records', 10, '{KeyAdded,EntityRegistered,AccreditationGranted,StatementMade,SchemaPublished,DelegationMade,StatusChanged}');

-- One event at a time gives the same rows as a run of them (`charterd rebuild --verify`).
create procedure project(p_registry int, p_from bigint, p_to bigint) language plpgsql as $$
declare
  t text;
begin
  for t in select p.name from projectors p
            where p.kinds && (select array_agg(distinct e.kind) from events e
                               where e.registry_id = p_registry and e.seq between p_from and p_to)
            order by p.position loop
    execute format('call %I($1, $2, $3)', t) using p_registry, p_from, p_to;
  end loop;
end $$;

-- Validity of a grant that was recorded at an instant.
create function span(data jsonb, at timestamptz) returns tstzrange language plpgsql immutable as $$
begin
  return tstzrange(case when (data ->> 'begins_when_recorded')::boolean then at else (data ->> 'from')::timestamptz end,
                   (data ->> 'until')::timestamptz);
end $$;

-- What a run of events holds. Tables are looked up by columns: under row-level security an index is not read by an
-- expression that could leak rows, and reading JSON is one.
create type run_event as (seq bigint, kind text, at timestamptz, d jsonb, entity uuid, ground uuid, tuple smallint,
  action text, resource text);

-- Set-based over a run, so that loading is fast. The run is a variable, since the plans for a table of its own would be
-- made anew in each transaction. They are made while tables may still be empty, and kept: without these settings they
-- would stay scans of everything.
create procedure project_records(p_registry int, p_from bigint, p_to bigint) language plpgsql
  set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off as $$
declare
  run run_event[];
  kinds text[];
  changed record;
begin
  select array_agg((seq, kind, recorded_at, d, d ->> 'entity_id', d ->> 'accreditation_id',
                    case d ->> 'statement' when 'recognition' then 1 else 0 end, d ->> 'action', d ->> 'resource')::run_event
                   order by seq),
         array_agg(distinct kind)
    into run, kinds
    from (select seq, kind, recorded_at, convert_from(body, 'UTF8')::jsonb -> 'data' as d from events
           where registry_id = p_registry and seq between p_from and p_to offset 0) x;

  if 'KeyAdded' = any(kinds) then
    insert into keys
      select p_registry, d ->> 'kid', d -> 'jwk', int8range(seq, null) from unnest(run) where kind = 'KeyAdded';
  end if;

  if 'EntityRegistered' = any(kinds) then
    insert into entities
      select p_registry, entity, d -> 'names', d ->> 'country', at, int8range(seq, null)
        from unnest(run) where kind = 'EntityRegistered';
    insert into entity_identifiers
      select p_registry, entity, i.position, i.item ->> 'type', i.item ->> 'value', int8range(seq, null)
        from unnest(run), jsonb_array_elements(d -> 'identifiers') with ordinality as i(item, position)
       where kind = 'EntityRegistered' order by seq, i.position;
  end if;

  if 'AccreditationGranted' = any(kinds) then
    insert into accreditations
      select p_registry, seq, ground, entity, d ->> 'body', d ->> 'legal_basis', d ->> 'evidence_uri',
             d ->> 'evidence_date', d ->> 'evidence_sha256', span(d, at), int8range(seq, null)
        from unnest(run) where kind = 'AccreditationGranted';
  end if;

  if 'StatementMade' = any(kinds) then
    insert into tuples
      select p_registry, min(seq), tuple, entity, action, resource
        from unnest(run) where kind = 'StatementMade' group by tuple, entity, action, resource order by 2
      on conflict (registry_id, entity_id, kind, action, resource) do nothing;
    insert into statements
      select p_registry, seq, t.tuple_id, coalesce(a.accreditation, 0), d -> 'jurisdictions', d -> 'conditions',
             span(d, at), int8range(seq, null)
        from unnest(run) e
        join tuples t on t.registry_id = p_registry and t.entity_id = e.entity and t.kind = e.tuple
         and t.action = e.action and t.resource = e.resource
        left join accreditations a on a.registry_id = p_registry and a.accreditation_id = e.ground
         and upper_inf(a.recorded)
       where e.kind = 'StatementMade' order by seq;
  end if;

  if 'SchemaPublished' = any(kinds) then
    insert into schemas
      select p_registry, seq, resource, d ->> 'uri', d ->> 'sha256', d -> 'schema', int8range(seq, null)
        from unnest(run) where kind = 'SchemaPublished';
  end if;

  if kinds && '{StatementMade,SchemaPublished}' then
    insert into terms
      select p_registry, x.kind, x.value, min(seq)
        from unnest(run) e, lateral (values ('action', action), ('resource', resource)) as x(kind, value)
       where e.kind in ('StatementMade', 'SchemaPublished') and x.value is not null
       group by 2, 3 order by 4, 2
      on conflict do nothing;
  end if;

  if 'DelegationMade' = any(kinds) then
    insert into delegations
      select p_registry, seq, d ->> 'subordinate', d ->> 'entity_identifier', d -> 'jwks', d ->> 'endpoint', d -> 'scope',
             (d ->> 'max_path_length')::smallint, (d ->> 'answers_as_own')::boolean, span(d, at), int8range(seq, null)
        from unnest(run) where kind = 'DelegationMade';
  end if;

  if 'StatusChanged' = any(kinds) then
    for changed in select seq, d from unnest(run) where kind = 'StatusChanged' order by seq loop
      call apply_status(p_registry, changed.seq, changed.d);
    end loop;
  end if;
end $$;

-- Reads ------------------------------------------------------------------------------------------------------

-- plpgsql and not sql: a function that is not inlined is planned at every call, which was two thirds of the hot read.
create function statuses(p_registry int, p_kind text, p_target text, p_known bigint) returns json
  language plpgsql stable as $$
begin
  return (select json_agg(json_build_object('s', state, 'f', micros(lower(effective)), 'u', micros(upper(effective)))
                          order by effective)
            from status_changes
           where registry_id = p_registry and target_kind = p_kind and target_id = p_target and recorded @> p_known);
end $$;

-- What changed after an epoch, for caches: entity identifiers to drop, or null for everything of the registry. What
-- concerns staff concerns no answer: caches keep what they have.
create function changes_since(p_registry int, p_after bigint)
  returns table (seq bigint, identifiers text[]) language plpgsql as $$
begin
  perform set_config('app.registry', p_registry::text, true);
  return query
    select e.seq, case e.subject when '*' then null when 'staff' then array[]::text[] else
             (select array_agg(distinct i.value) from entity_identifiers i
               where i.registry_id = p_registry and i.entity_id = e.subject::uuid) end
      from events e where e.registry_id = p_registry and e.seq > p_after order by e.seq;
end $$;

-- Rows of every projection in a fixed order, hashed: two states of a registry are the same or they are not.
create function fingerprint(p_registry int) returns text language plpgsql as $$
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

-- Empties the projections of a registry and replays its events one by one. Owner only.
create procedure rebuild(p_registry int) language plpgsql as $$
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
revoke execute on procedure rebuild(int) from public;

grant select on projections, projectors to charter_runtime;
