-- SPDX-License-Identifier: Apache-2.0 OR MIT
create or replace function facts(p_registry int, p_kind smallint, p_entity text, p_action text, p_resource text,
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
    'r', exists (select from terms where registry_id = p_registry and kind = 'resource' and value = p_resource
                    and since <= known),
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
              and t.action = p_action and t.resource = p_resource)
  )::text into result
    from (values (1)) one
    left join lateral (select entity_id from entity_identifiers
                        where registry_id = p_registry and value = p_entity and recorded @> known limit 1) who on true;
  return result;
end $$;
delete from projectors where name = 'project_schemas';
delete from projections where name in ('schema_revisions', 'schema_deprecations', 'credential_types', 'type_identifiers');
drop procedure project_schemas;
drop table type_identifiers;
drop table credential_types;
drop table schema_deprecations;
drop table schema_revisions;
drop index schemas_uri;
drop index schemas_sha256;
