-- TLS keys by which the subordinate of a delegation is known; a delegation without a row has none.
-- SPDX-License-Identifier: Apache-2.0 OR MIT

create table delegation_pins (
  registry_id     int not null references registries,
  delegation_id   bigint not null,
  tls_spki_sha256 jsonb not null,
  recorded        int8range not null,
  primary key (registry_id, delegation_id, recorded)
);

-- A correction says all keys that there are from then on; one that says nothing of them leaves them.
create procedure project_delegation_pins(p_registry int, p_from bigint, p_to bigint) language plpgsql as $$
declare
  e record;
begin
  for e in select seq, coalesce((x.d ->> 'delegation_id')::bigint, seq) as delegation, x.d -> 'tls_spki_sha256' as pins
             from events, lateral (select convert_from(body, 'UTF8')::jsonb -> 'data' as d) x
            where registry_id = p_registry and seq between p_from and p_to
              and kind in ('DelegationMade', 'DelegationCorrected') and x.d ? 'tls_spki_sha256'
            order by seq loop
    update delegation_pins set recorded = int8range(lower(recorded), e.seq)
     where registry_id = p_registry and delegation_id = e.delegation and upper_inf(recorded);
    insert into delegation_pins values (p_registry, e.delegation, e.pins, int8range(e.seq, null));
  end loop;
end $$;

insert into projections values ('delegation_pins', 15);
insert into projectors values ('project_delegation_pins', 25, '{DelegationMade,DelegationCorrected}');

alter table delegation_pins enable row level security;
alter table delegation_pins force row level security;
create policy tenant on delegation_pins using (registry_id = tenant()) with check (registry_id = tenant());
grant select, insert on delegation_pins to charter_runtime;
grant update (recorded) on delegation_pins to charter_runtime;
