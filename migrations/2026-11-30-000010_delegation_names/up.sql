-- Which names the subordinate of a delegation and everybody below it may have; without a row, any.
-- SPDX-License-Identifier: Apache-2.0 OR MIT

create table delegation_names (
  registry_id        int not null references registries,
  delegation_id      bigint not null,
  -- `permitted` and `excluded`, as the event has them.
  naming_constraints jsonb not null,
  recorded           int8range not null,
  primary key (registry_id, delegation_id, recorded)
);

-- A correction says all that there are from then on; one that says nothing of them leaves them.
create procedure project_delegation_names(p_registry int, p_from bigint, p_to bigint) language plpgsql as $$
declare
  e record;
begin
  for e in select seq, coalesce((x.d ->> 'delegation_id')::bigint, seq) as delegation, x.d -> 'naming_constraints' as names
             from events, lateral (select convert_from(body, 'UTF8')::jsonb -> 'data' as d) x
            where registry_id = p_registry and seq between p_from and p_to
              and kind in ('DelegationMade', 'DelegationCorrected') and x.d ? 'naming_constraints'
            order by seq loop
    update delegation_names set recorded = int8range(lower(recorded), e.seq)
     where registry_id = p_registry and delegation_id = e.delegation and upper_inf(recorded);
    insert into delegation_names values (p_registry, e.delegation, e.names, int8range(e.seq, null));
  end loop;
end $$;

insert into projections values ('delegation_names', 18);
insert into projectors values ('project_delegation_names', 29, '{DelegationMade,DelegationCorrected}');

alter table delegation_names enable row level security;
alter table delegation_names force row level security;
create policy tenant on delegation_names using (registry_id = tenant()) with check (registry_id = tenant());
grant select, insert on delegation_names to charter_runtime;
grant update (recorded) on delegation_names to charter_runtime;
