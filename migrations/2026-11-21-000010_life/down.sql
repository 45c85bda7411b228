-- Rows that corrections and renewals closed do not fit the old keys: only a registry without any can go back.
-- SPDX-License-Identifier: Apache-2.0 OR MIT

delete from projectors where name = 'project_life';
drop procedure project_life(int, bigint, bigint);
drop procedure renew(int, bigint, jsonb);
drop procedure correct_delegation(int, bigint, jsonb);
drop procedure correct_accreditation(int, bigint, jsonb);
drop procedure correct_entity(int, bigint, jsonb);

create or replace procedure project_records(p_registry int, p_from bigint, p_to bigint) language plpgsql
  set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
  set enable_material = off set enable_bitmapscan = off set jit = off as $$
declare
  e record;
begin
  -- What is joined by has a column: under row-level security an index is not looked up by an expression that could
  -- leak rows, and reading JSON is one.
  create temp table if not exists run (seq bigint, kind text, at timestamptz, d jsonb, entity uuid, ground uuid,
    tuple smallint, action text, resource text) on commit drop;
  delete from run;
  insert into run
    select seq, kind, recorded_at, d, (d ->> 'entity_id')::uuid, (d ->> 'accreditation_id')::uuid,
           case d ->> 'statement' when 'recognition' then 1 else 0 end, d ->> 'action', d ->> 'resource'
      from (select seq, kind, recorded_at, convert_from(body, 'UTF8')::jsonb -> 'data' as d from events
             where registry_id = p_registry and seq between p_from and p_to) e;

  insert into keys
    select p_registry, d ->> 'kid', d -> 'jwk', int8range(seq, null) from run where kind = 'KeyAdded' order by seq;

  insert into entities
    select p_registry, (d ->> 'entity_id')::uuid, d -> 'names', d ->> 'country', at, int8range(seq, null)
      from run where kind = 'EntityRegistered' order by seq;
  insert into entity_identifiers
    select p_registry, (d ->> 'entity_id')::uuid, i.position, i.item ->> 'type', i.item ->> 'value', int8range(seq, null)
      from run, jsonb_array_elements(d -> 'identifiers') with ordinality as i(item, position)
     where kind = 'EntityRegistered' order by seq, i.position;

  insert into accreditations
    select p_registry, seq, (d ->> 'accreditation_id')::uuid, (d ->> 'entity_id')::uuid, d ->> 'body',
           d ->> 'legal_basis', d ->> 'evidence_uri', d ->> 'evidence_date', d ->> 'evidence_sha256', span(d),
           int8range(seq, null)
      from run where kind = 'AccreditationGranted' order by seq;

  insert into tuples
    select p_registry, min(seq), case d ->> 'statement' when 'recognition' then 1 else 0 end,
           (d ->> 'entity_id')::uuid, d ->> 'action', d ->> 'resource'
      from run where kind = 'StatementMade' group by 3, 4, 5, 6 order by 2
    on conflict (registry_id, entity_id, kind, action, resource) do nothing;
  insert into statements
    select p_registry, seq, t.tuple_id, coalesce(a.accreditation, 0), d -> 'jurisdictions', d -> 'conditions', span(d),
           int8range(seq, null)
      from run
      join tuples t on t.registry_id = p_registry and t.entity_id = run.entity and t.kind = run.tuple
       and t.action = run.action and t.resource = run.resource
      left join accreditations a on a.registry_id = p_registry and a.accreditation_id = run.ground
     where run.kind = 'StatementMade' order by seq;

  insert into schemas
    select p_registry, seq, d ->> 'resource', d ->> 'uri', d ->> 'sha256', d -> 'schema', int8range(seq, null)
      from run where kind = 'SchemaPublished' order by seq;
  insert into terms
    select p_registry, x.kind, x.value, min(seq) from run,
           lateral (values ('action', d ->> 'action'), ('resource', d ->> 'resource')) as x(kind, value)
     where run.kind in ('StatementMade', 'SchemaPublished') and x.value is not null
     group by 2, 3 order by 4, 2
    on conflict do nothing;

  insert into delegations
    select p_registry, seq, d ->> 'subordinate', d ->> 'entity_identifier', d -> 'jwks', d ->> 'endpoint', d -> 'scope',
           (d ->> 'max_path_length')::smallint, (d ->> 'answers_as_own')::boolean, span(d), int8range(seq, null)
      from run where kind = 'DelegationMade' order by seq;

  for e in select seq, d from run where kind = 'StatusChanged' order by seq loop
    call apply_status(p_registry, e.seq, e.d);
  end loop;
end $$;

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
                  from accreditations a where a.registry_id = p_registry and a.accreditation = s.accreditation) end,
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

drop function span(jsonb, timestamptz);
drop index accreditations_id;
create unique index accreditations_id on accreditations (accreditation_id, registry_id);
alter table accreditations drop constraint accreditations_pkey, add primary key (registry_id, accreditation);
alter table statements drop constraint statements_pkey, add primary key (registry_id, statement_id);
alter table delegations drop constraint delegations_pkey, add primary key (registry_id, delegation_id);
