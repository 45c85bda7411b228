-- Fair procedures, decisions and what courts said of them.
-- SPDX-License-Identifier: Apache-2.0 OR MIT

-- `data` is that of the event; `procedure_id`, `decision_id` = seq of theirs. Nothing here is ever changed.
create table procedures (
  registry_id  int not null references registries,
  procedure_id bigint not null,
  entity_id    uuid not null,
  target_kind  text not null,
  target_id    text not null,
  data         jsonb not null,
  primary key (registry_id, procedure_id)
);
create index procedures_entity on procedures (entity_id, registry_id);

create table procedure_steps (
  registry_id  int not null references registries,
  seq          bigint not null,
  procedure_id bigint not null,
  kind         text not null,
  data         jsonb not null,
  primary key (registry_id, seq)
);
create index procedure_steps_procedure on procedure_steps (procedure_id, registry_id);

-- Each change of state, and the time that it is for.
create table decisions (
  registry_id  int not null references registries,
  decision_id  bigint not null,
  target_kind  text not null,
  target_id    text not null,
  procedure_id bigint,
  at           timestamptz not null,
  span         tstzrange not null,
  data         jsonb not null,
  primary key (registry_id, decision_id)
);
create index decisions_target on decisions (target_id, target_kind, registry_id);
create index decisions_procedure on decisions (procedure_id, registry_id) where procedure_id is not null;

create table rulings (
  registry_id  int not null references registries,
  seq          bigint not null,
  decision_id  bigint not null,
  data         jsonb not null,
  primary key (registry_id, seq)
);
create index rulings_decision on rulings (decision_id, registry_id);

do $$
declare
  t text;
begin
  foreach t in array array['procedures', 'procedure_steps', 'decisions', 'rulings'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy tenant on %I using (registry_id = tenant()) with check (registry_id = tenant())', t);
    execute format('grant select, insert on %I to charter_runtime', t);
  end loop;
end $$;

-- When a decision does not count, by what courts said of it.
create function set_aside(p_registry int, p_decision bigint) returns tstzmultirange language plpgsql stable as $$
declare
  r record;
  onwards tstzmultirange;
  total tstzmultirange := '{}';
begin
  for r in select data from rulings where registry_id = p_registry and decision_id = p_decision order by seq loop
    onwards := tstzmultirange(tstzrange((r.data ->> 'from')::timestamptz, null));
    total := case r.data ->> 'ruling' when 'STAY_LIFTED' then total - onwards else total + onwards end;
  end loop;
  return total;
end $$;

-- The states of a target anew: at each instant the last decision that reaches it and was not set aside.
create procedure apply_ruling(p_registry int, p_seq bigint, p_kind text, p_target text) language plpgsql as $$
declare
  w record;
  part tstzrange;
begin
  update status_changes set recorded = int8range(lower(recorded), p_seq)
   where registry_id = p_registry and target_kind = p_kind and target_id = p_target and upper_inf(recorded);
  for w in
    with words as (
      select decision_id, data as d, tstzmultirange(span) - set_aside(p_registry, decision_id) as reach from decisions
       where registry_id = p_registry and target_kind = p_kind and target_id = p_target and decision_id < p_seq)
    select d, reach - coalesce((select range_agg(l.reach) from words l where l.decision_id > words.decision_id),
                               '{}'::tstzmultirange) as held
      from words where d ->> 'state' <> 'ACTIVE' order by decision_id
  loop
    for part in select unnest(w.held) loop
      insert into status_changes values (p_registry, p_kind, p_target, w.d ->> 'state', w.d ->> 'reason', part,
        int8range(p_seq, null), w.d ->> 'reach', w.d ->> 'legal_basis',
        (select array_agg(s::uuid) from jsonb_array_elements_text(w.d -> 'succeeded_by') as s));
    end loop;
  end loop;
end $$;

create procedure project_procedure(p_registry int, p_from bigint, p_to bigint) language plpgsql as $$
declare
  e record;
begin
  for e in select seq, kind, recorded_at as at, convert_from(body, 'UTF8')::jsonb -> 'data' as d from events
            where registry_id = p_registry and seq between p_from and p_to
              and kind in ('StatusChanged', 'ProcedureOpened', 'ProcedureHeard', 'ProcedureClosed', 'CourtRuled')
            order by seq loop
    case e.kind
      when 'StatusChanged' then
        insert into decisions values (p_registry, e.seq, e.d ->> 'target', e.d ->> 'target_id',
          (e.d ->> 'procedure')::bigint, e.at,
          tstzrange(coalesce((e.d ->> 'effective_from')::timestamptz, e.at), (e.d ->> 'lapses_at')::timestamptz), e.d);
      when 'ProcedureOpened' then
        insert into procedures values (p_registry, e.seq, (e.d ->> 'entity_id')::uuid, e.d ->> 'target',
          e.d ->> 'target_id', e.d);
      when 'ProcedureHeard', 'ProcedureClosed' then
        insert into procedure_steps values (p_registry, e.seq, (e.d ->> 'procedure')::bigint, e.kind, e.d);
      else
        if p_from <> p_to then
          raise exception 'what a court says is recorded alone';
        end if;
        insert into rulings values (p_registry, e.seq, (e.d ->> 'decision')::bigint, e.d);
        call apply_ruling(p_registry, e.seq, e.d ->> 'target', e.d ->> 'target_id');
    end case;
  end loop;
end $$;

insert into projections values ('rulings', 2), ('procedure_steps', 4), ('procedures', 6), ('decisions', 8);
insert into projectors values
  ('project_procedure', 25, '{StatusChanged,ProcedureOpened,ProcedureHeard,ProcedureClosed,CourtRuled}');

-- Decisions of before.
do $$
declare
  r record;
begin
  for r in select registry_id from registries loop
    perform set_config('app.registry', r.registry_id::text, true);
    call project_procedure(r.registry_id, 1, 9223372036854775806);
  end loop;
  perform set_config('app.registry', '', true);
end $$;
