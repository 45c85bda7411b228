-- Life: what is recorded can be corrected and renewed; a grant may begin when it is recorded.
-- SPDX-License-Identifier: Apache-2.0 OR MIT

-- One accreditation, statement or delegation now has a row for each time at which it was held to read otherwise.
alter table accreditations drop constraint accreditations_pkey, add primary key (registry_id, accreditation, recorded);
alter table statements drop constraint statements_pkey, add primary key (registry_id, statement_id, recorded);
alter table delegations drop constraint delegations_pkey, add primary key (registry_id, delegation_id, recorded);
drop index accreditations_id;
create unique index accreditations_id on accreditations (accreditation_id, registry_id, recorded);

-- Validity of a grant that was recorded at an instant.
create function span(data jsonb, at timestamptz) returns tstzrange language plpgsql immutable as $$
begin
  return tstzrange(case when (data ->> 'begins_when_recorded')::boolean then at else (data ->> 'from')::timestamptz end,
                   (data ->> 'until')::timestamptz);
end $$;

-- As before, but for `span`, and the accreditation as it is held now.
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
           d ->> 'legal_basis', d ->> 'evidence_uri', d ->> 'evidence_date', d ->> 'evidence_sha256', span(d, at),
           int8range(seq, null)
      from run where kind = 'AccreditationGranted' order by seq;

  insert into tuples
    select p_registry, min(seq), case d ->> 'statement' when 'recognition' then 1 else 0 end,
           (d ->> 'entity_id')::uuid, d ->> 'action', d ->> 'resource'
      from run where kind = 'StatementMade' group by 3, 4, 5, 6 order by 2
    on conflict (registry_id, entity_id, kind, action, resource) do nothing;
  insert into statements
    select p_registry, seq, t.tuple_id, coalesce(a.accreditation, 0), d -> 'jurisdictions', d -> 'conditions', span(d, at),
           int8range(seq, null)
      from run
      join tuples t on t.registry_id = p_registry and t.entity_id = run.entity and t.kind = run.tuple
       and t.action = run.action and t.resource = run.resource
      left join accreditations a on a.registry_id = p_registry and a.accreditation_id = run.ground
       and upper_inf(a.recorded)
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
           (d ->> 'max_path_length')::smallint, (d ->> 'answers_as_own')::boolean, span(d, at), int8range(seq, null)
      from run where kind = 'DelegationMade' order by seq;

  for e in select seq, d from run where kind = 'StatusChanged' order by seq loop
    call apply_status(p_registry, e.seq, e.d);
  end loop;
end $$;

create procedure correct_entity(p_registry int, p_seq bigint, d jsonb) language plpgsql as $$
declare
  e entities;
begin
  update entities set recorded = int8range(lower(recorded), p_seq)
   where registry_id = p_registry and entity_id = (d ->> 'entity_id')::uuid and upper_inf(recorded)
  returning * into strict e;
  e.names := coalesce(d -> 'names', e.names);
  e.country := coalesce(d ->> 'country', e.country);
  e.recorded := int8range(p_seq, null);
  insert into entities select e.*;
  if d ? 'identifiers' then
    update entity_identifiers set recorded = int8range(lower(recorded), p_seq)
     where registry_id = p_registry and entity_id = e.entity_id and upper_inf(recorded);
    insert into entity_identifiers
      select p_registry, e.entity_id, i.position, i.item ->> 'type', i.item ->> 'value', int8range(p_seq, null)
        from jsonb_array_elements(d -> 'identifiers') with ordinality as i(item, position) order by i.position;
  end if;
end $$;

create procedure correct_accreditation(p_registry int, p_seq bigint, d jsonb) language plpgsql as $$
declare
  a accreditations;
begin
  update accreditations set recorded = int8range(lower(recorded), p_seq)
   where registry_id = p_registry and accreditation_id = (d ->> 'accreditation_id')::uuid and upper_inf(recorded)
  returning * into strict a;
  a.body := coalesce(d ->> 'body', a.body);
  a.legal_basis := coalesce(d ->> 'legal_basis', a.legal_basis);
  a.evidence_uri := coalesce(d ->> 'evidence_uri', a.evidence_uri);
  a.evidence_date := coalesce(d ->> 'evidence_date', a.evidence_date);
  a.evidence_sha256 := coalesce(d ->> 'evidence_sha256', a.evidence_sha256);
  a.valid := tstzrange(coalesce((d ->> 'valid_from')::timestamptz, lower(a.valid)),
                       coalesce((d ->> 'valid_until')::timestamptz, upper(a.valid)));
  a.recorded := int8range(p_seq, null);
  insert into accreditations select a.*;
end $$;

create procedure correct_delegation(p_registry int, p_seq bigint, d jsonb) language plpgsql as $$
declare
  g delegations;
begin
  update delegations set recorded = int8range(lower(recorded), p_seq)
   where registry_id = p_registry and delegation_id = (d ->> 'delegation_id')::bigint and upper_inf(recorded)
  returning * into strict g;
  g.scope := coalesce(d -> 'scope', g.scope);
  g.endpoint := coalesce(d ->> 'endpoint', g.endpoint);
  g.jwks := coalesce(d -> 'jwks', g.jwks);
  g.answers_as_own := coalesce((d ->> 'answers_as_own')::boolean, g.answers_as_own);
  g.max_path_length := coalesce((d ->> 'max_path_length')::smallint, g.max_path_length);
  g.recorded := int8range(p_seq, null);
  insert into delegations select g.*;
end $$;

create procedure renew(p_registry int, p_seq bigint, d jsonb) language plpgsql as $$
declare
  a accreditations;
  s statements;
  g delegations;
  later timestamptz := (d ->> 'valid_until')::timestamptz;
begin
  case d ->> 'target'
    when 'accreditation' then
      update accreditations set recorded = int8range(lower(recorded), p_seq)
       where registry_id = p_registry and accreditation_id = (d ->> 'target_id')::uuid and upper_inf(recorded)
      returning * into strict a;
      a.valid := tstzrange(lower(a.valid), later);
      a.recorded := int8range(p_seq, null);
      insert into accreditations select a.*;
    when 'statement' then
      update statements set recorded = int8range(lower(recorded), p_seq)
       where registry_id = p_registry and statement_id = (d ->> 'target_id')::bigint and upper_inf(recorded)
      returning * into strict s;
      s.valid := tstzrange(lower(s.valid), later);
      s.recorded := int8range(p_seq, null);
      insert into statements select s.*;
    when 'delegation' then
      update delegations set recorded = int8range(lower(recorded), p_seq)
       where registry_id = p_registry and delegation_id = (d ->> 'target_id')::bigint and upper_inf(recorded)
      returning * into strict g;
      g.valid := tstzrange(lower(g.valid), later);
      g.recorded := int8range(p_seq, null);
      insert into delegations select g.*;
  end case;
end $$;

create procedure project_life(p_registry int, p_from bigint, p_to bigint) language plpgsql
  set enable_seqscan = off set jit = off as $$
declare
  e record;
begin
  for e in select seq, kind, convert_from(body, 'UTF8')::jsonb -> 'data' as d from events
            where registry_id = p_registry and seq between p_from and p_to order by seq loop
    case e.kind
      when 'EntityCorrected' then call correct_entity(p_registry, e.seq, e.d);
      when 'AccreditationCorrected' then call correct_accreditation(p_registry, e.seq, e.d);
      when 'DelegationCorrected' then call correct_delegation(p_registry, e.seq, e.d);
      when 'Renewed' then call renew(p_registry, e.seq, e.d);
      else null;
    end case;
  end loop;
end $$;
insert into projectors values
  ('project_life', 15, '{EntityCorrected,AccreditationCorrected,DelegationCorrected,Renewed}');

-- As before, but for the accreditation as it was held.
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
