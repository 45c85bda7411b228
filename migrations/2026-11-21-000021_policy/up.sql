-- A registry's own policy: quorums, hearings, languages. The database refuses a quorum below it.
-- SPDX-License-Identifier: Apache-2.0 OR MIT

create table registry_policies (
  registry_id int not null references registries,
  seq         bigint not null,
  data        jsonb not null,
  recorded    int8range not null,
  primary key (registry_id, seq)
);

alter table registry_policies enable row level security;
alter table registry_policies force row level security;
create policy tenant on registry_policies using (registry_id = tenant()) with check (registry_id = tenant());
grant select, insert, update (recorded) on registry_policies to charter_runtime;

create procedure project_policy(p_registry int, p_from bigint, p_to bigint) language plpgsql as $$
declare
  e record;
begin
  for e in select seq, convert_from(body, 'UTF8')::jsonb -> 'data' as d from events
            where registry_id = p_registry and kind = 'PolicySet' and seq between p_from and p_to order by seq loop
    update registry_policies set recorded = int8range(lower(recorded), e.seq)
     where registry_id = p_registry and upper_inf(recorded);
    insert into registry_policies values (p_registry, e.seq, e.d, int8range(e.seq, null));
  end loop;
end $$;

insert into projections values ('registry_policies', 120);
insert into projectors values ('project_policy', 30, '{PolicySet}');

-- What a proposal is called in the table of rights: quorums are by that.
alter table proposals add column measure text not null default '';
grant update (measure) on proposals to charter_runtime;

-- Persons that the policy asks for; 0 where it says nothing.
create function policy_quorum(p_registry int, p_measure text) returns int language plpgsql stable as $$
begin
  return coalesce((select (data -> 'quorums' ->> p_measure)::int from registry_policies
                    where registry_id = p_registry and upper_inf(recorded)), 0);
end $$;

create function proposal_keeps_policy() returns trigger language plpgsql as $$
begin
  if new.quorum < policy_quorum(new.registry_id, new.measure) then
    raise exception 'fewer persons than the policy of the registry asks for' using errcode = 'integrity_constraint_violation';
  end if;
  return new;
end $$;
create trigger proposal_keeps_policy before insert or update of quorum, measure on proposals
  for each row execute function proposal_keeps_policy();

-- And when it is executed: the policy may ask for more by then.
create function event_keeps_policy() returns trigger language plpgsql as $$
begin
  if exists (select from proposals p where p.registry_id = new.registry_id and p.proposal_id = new.proposal
                and p.quorum < policy_quorum(p.registry_id, p.measure)) then
    raise exception 'approved by fewer persons than the policy of the registry asks for'
      using errcode = 'integrity_constraint_violation';
  end if;
  return null;
end $$;
create trigger event_keeps_policy after insert on events
  for each row when (new.origin = 'governance') execute function event_keeps_policy();
