-- Schemas with ids and revisions, deprecations, and credential types with the identifiers that stand for them.
-- SPDX-License-Identifier: Apache-2.0 OR MIT

-- Beside `schemas`: which revision of its resource one is, and its id (of the content without annotations).
create table schema_revisions (
  registry_id int not null references registries,
  schema_id   bigint not null,
  resource    text not null,
  revision    int not null,
  content_id  text not null,
  refs        jsonb not null,
  at          timestamptz not null,
  recorded    int8range not null,
  primary key (registry_id, schema_id)
);
create unique index schema_revisions_resource on schema_revisions (resource, revision, registry_id);
create index schema_revisions_content on schema_revisions (content_id, registry_id);
create index schemas_sha256 on schemas (sha256, registry_id);
create index schemas_uri on schemas (uri, registry_id);

create table schema_deprecations (
  registry_id int not null references registries,
  schema_id   bigint not null,
  reason      text not null,
  replaced_by text,
  at          timestamptz not null,
  recorded    int8range not null,
  primary key (registry_id, schema_id)
);

-- type_id = seq of the event; the latest for a resource holds.
create table credential_types (
  registry_id int not null references registries,
  type_id     bigint not null,
  resource    text not null,
  definition  jsonb not null,
  at          timestamptz not null,
  recorded    int8range not null,
  primary key (registry_id, type_id)
);
create unique index credential_types_resource on credential_types (resource, registry_id) where upper_inf(recorded);

create table type_identifiers (
  registry_id int not null references registries,
  value       text not null,
  resource    text not null,
  recorded    int8range not null,
  -- One identifier stands for one resource at a time. Over expressions: see `entity_identifiers_apart`.
  constraint type_identifiers_apart
    exclude using gist ((registry_id + 0) with =, (value || '') with =, recorded with &&)
);
create index type_identifiers_value on type_identifiers (value, registry_id);
create index type_identifiers_resource on type_identifiers (resource, registry_id);

create procedure project_schemas(p_registry int, p_from bigint, p_to bigint) language plpgsql as $$
declare
  e record;
begin
  for e in select seq, kind, recorded_at as at, convert_from(body, 'UTF8')::jsonb -> 'data' as d from events
            where registry_id = p_registry and seq between p_from and p_to
              and kind in ('SchemaPublished', 'SchemaDeprecated', 'CredentialTypeDefined') order by seq loop
    if e.kind = 'SchemaPublished' then
      insert into schema_revisions
        select p_registry, e.seq, e.d ->> 'resource',
               1 + coalesce((select max(revision) from schema_revisions r
                              where r.registry_id = p_registry and r.resource = e.d ->> 'resource'), 0),
               coalesce(e.d ->> 'id', e.d ->> 'sha256'), coalesce(e.d -> 'references', '{}'), e.at, int8range(e.seq, null);
    elsif e.kind = 'SchemaDeprecated' then
      insert into schema_deprecations
        select p_registry, schema_id, e.d ->> 'reason', e.d ->> 'replaced_by', e.at, int8range(e.seq, null)
          from schema_revisions r
         where r.registry_id = p_registry and r.resource = e.d ->> 'resource' and r.revision = (e.d ->> 'revision')::int
        on conflict do nothing;
    else
      update credential_types set recorded = int8range(lower(recorded), e.seq)
       where registry_id = p_registry and resource = e.d ->> 'resource' and upper_inf(recorded);
      update type_identifiers set recorded = int8range(lower(recorded), e.seq)
       where registry_id = p_registry and resource = e.d ->> 'resource' and upper_inf(recorded);
      insert into credential_types
        values (p_registry, e.seq, e.d ->> 'resource', e.d - 'resource', e.at, int8range(e.seq, null));
      insert into type_identifiers
        select distinct p_registry, value, e.d ->> 'resource', int8range(e.seq, null)
          from (values (e.d ->> 'vc_type'), (e.d ->> 'vct'), (e.d ->> 'doc_type'), (e.d ->> 'schema_id')) as form(value)
         where value <> e.d ->> 'resource'
        union
        select p_registry, value, e.d ->> 'resource', int8range(e.seq, null)
          from jsonb_array_elements_text(coalesce(e.d -> 'equivalents', '[]')) as further(value)
         where value <> e.d ->> 'resource';
    end if;
  end loop;
end $$;

insert into projections values
  ('schema_revisions', 170), ('schema_deprecations', 171), ('credential_types', 172), ('type_identifiers', 173);
insert into projectors values
  ('project_schemas', 70, '{SchemaPublished,SchemaDeprecated,CredentialTypeDefined}');

do $$
declare
  t text;
  r record;
begin
  foreach t in array array['schema_revisions', 'schema_deprecations', 'credential_types', 'type_identifiers'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy tenant on %I using (registry_id = tenant()) with check (registry_id = tenant())', t);
    execute format('grant select, insert on %I to charter_runtime', t);
  end loop;
  -- What was published before.
  for r in select registry_id, epoch from registry_epochs loop
    perform set_config('app.registry', r.registry_id::text, true);
    call project_schemas(r.registry_id, 1, r.epoch);
  end loop;
  perform set_config('app.registry', '', true);
end $$;
grant update (recorded) on credential_types, type_identifiers to charter_runtime;

-- The hot read: everything `decide` needs about one question, in one round trip and one snapshot (a single
-- statement). p_known = null asks for what is held now. A resource that has no records of its own may stand for one
-- that has. The two steps are apart so that a resource with records costs nothing more: `limit` keeps the second a
-- subquery of its own, entered only when the first found nothing.
create function facts(p_registry int, p_kind smallint, p_entity text, p_action text, p_resource text,
                      p_known bigint default null) returns text language plpgsql
  set jit = off set enable_seqscan = off as $$
declare
  known bigint := coalesce(p_known, 9223372036854775806);
  result text;
begin
  perform set_config('app.registry', p_registry::text, true);
  select json_build_object(
    'epoch', (select epoch from registry_epochs where registry_id = p_registry),
    'e', who.entity_id is not null,
    'a', exists (select from terms where registry_id = p_registry and kind = 'action' and value = p_action
                    and since <= known),
    'r', own.value is not null or standing.resource is not null,
    'es', statuses(p_registry, 'entity', who.entity_id::text, known),
    'st', (select json_agg(json_build_object(
             'id', s.statement_id, 'f', micros(lower(s.valid)), 'u', micros(upper(s.valid)),
             'j', s.jurisdictions, 'c', s.conditions,
             'ss', statuses(p_registry, 'statement', s.statement_id::text, known),
             'acc', case when s.accreditation > 0 then (
                select json_build_object('id', a.accreditation_id, 'f', micros(lower(a.valid)),
                                         'u', micros(upper(a.valid)),
                                         'ss', statuses(p_registry, 'accreditation', a.accreditation_id::text, known))
                  from accreditations a where a.registry_id = p_registry and a.accreditation = s.accreditation
                    and a.recorded @> known) end,
             'd', (select jws from documents where registry_id = p_registry
                      and target = 'statement:' || s.statement_id)))
             from tuples t
             join statements s on s.registry_id = p_registry and s.tuple_id = t.tuple_id and s.recorded @> known
            where t.registry_id = p_registry and t.entity_id = who.entity_id and t.kind = p_kind
              and t.action = p_action and t.resource = coalesce(standing.resource, p_resource))
  )::text into result
    from (values (1)) one
    left join lateral (select value from terms where registry_id = p_registry and kind = 'resource'
                          and value = p_resource and since <= known limit 1) own on true
    left join lateral (select i.resource from type_identifiers i
                        where own.value is null and i.registry_id = p_registry and i.value = p_resource
                          and i.recorded @> known limit 1) standing on true
    left join lateral (select entity_id from entity_identifiers
                        where registry_id = p_registry and value = p_entity and recorded @> known limit 1) who on true;
  return result;
end $$;
