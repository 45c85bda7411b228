-- Life: what is recorded can be corrected and renewed; a grant may begin when it is recorded.
-- SPDX-License-Identifier: Apache-2.0 OR MIT

-- One accreditation, statement or delegation now has a row for each time at which it was held to read otherwise.
alter table accreditations drop constraint accreditations_pkey, add primary key (registry_id, accreditation, recorded);
alter table statements drop constraint statements_pkey, add primary key (registry_id, statement_id, recorded);
alter table delegations drop constraint delegations_pkey, add primary key (registry_id, delegation_id, recorded);
drop index accreditations_id;
create unique index accreditations_id on accreditations (accreditation_id, registry_id, recorded);

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
