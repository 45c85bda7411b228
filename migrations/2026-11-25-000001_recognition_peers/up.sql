-- Who the peer of a recognition is, where it answers, and whether it is asked; a recognition without a row says none of it.
-- SPDX-License-Identifier: Apache-2.0 OR MIT

create table recognition_peers (
  registry_id  int not null references registries,
  statement_id bigint not null,
  peer         jsonb not null,
  primary key (registry_id, statement_id)
);

-- Other keys are another recognition: what was said of a peer stays as it was. Few events have the member, so the bytes
-- are looked at before they are read as JSON.
create procedure project_recognition_peers(p_registry int, p_from bigint, p_to bigint) language sql as $$
  insert into recognition_peers
  select p_registry, e.seq, x.d -> 'peer'
    from events e, lateral (select convert_from(e.body, 'UTF8')::jsonb -> 'data' as d) x
   where e.registry_id = p_registry and e.seq between p_from and p_to and e.kind = 'StatementMade'
     and position('"peer":'::bytea in e.body) > 0 and x.d ? 'peer';
$$;

insert into projections values ('recognition_peers', 16);
insert into projectors values ('project_recognition_peers', 26, '{StatementMade}');

alter table recognition_peers enable row level security;
alter table recognition_peers force row level security;
create policy tenant on recognition_peers using (registry_id = tenant()) with check (registry_id = tenant());
grant select, insert on recognition_peers to charter_runtime;
