-- Joining and leaving: applications of others to this registry, which are no records, and this registry's own superiors.
-- SPDX-License-Identifier: Apache-2.0 OR MIT

-- What an applicant sent. It has no effect: what it asks for is proposed, or refused.
create table applications (
  registry_id       int not null references registries,
  application_id    uuid not null,
  purpose           text not null check (purpose in ('JOIN', 'LEAVE')),
  -- `jti` of what was sent: it counts once.
  jti               uuid not null,
  applicant         text not null,
  entity_identifier text not null,
  -- The key that signed it.
  kid               text not null,
  signed            text not null check (length(signed) <= 65536),
  received_at       timestamptz not null,
  expires_at        timestamptz not null,
  -- The proposal that somebody made of it last; closed ones may be forgotten before it.
  proposal_id       uuid,
  refused_at        timestamptz,
  refused_by        bigint,
  refused_why       text not null default '',
  primary key (registry_id, application_id),
  unique (registry_id, jti),
  check ((refused_at is null) = (refused_by is null))
);

-- What is over is forgotten, applicants name persons. Nothing younger than 30 days goes, whatever the server asks for.
create function forget_applications(p_registry int, p_before timestamptz) returns bigint
  language plpgsql security definer set search_path = public, pg_temp as $$
declare
  n bigint;
begin
  delete from applications where registry_id = p_registry and registry_id = tenant()
    and expires_at < least(p_before, now() - interval '30 days');
  get diagnostics n = row_count;
  return n;
end $$;

-- Superiors that staff have recorded that they joined or left. One that is only configured has no row.
create table superiors (
  registry_id       int not null references registries,
  entity_identifier text not null,
  seq               bigint not null,
  joined            boolean not null,
  -- As the event has it.
  data              jsonb not null,
  recorded          int8range not null,
  primary key (registry_id, entity_identifier, seq)
);

create procedure project_superiors(p_registry int, p_from bigint, p_to bigint) language plpgsql as $$
declare
  e record;
begin
  for e in select seq, kind, convert_from(body, 'UTF8')::jsonb -> 'data' as d from events
            where registry_id = p_registry and kind in ('SuperiorJoined', 'SuperiorLeft')
              and seq between p_from and p_to order by seq loop
    update superiors set recorded = int8range(lower(recorded), e.seq)
     where registry_id = p_registry and entity_identifier = e.d ->> 'entity_identifier' and upper_inf(recorded);
    insert into superiors values (p_registry, e.d ->> 'entity_identifier', e.seq, e.kind = 'SuperiorJoined', e.d,
      int8range(e.seq, null));
  end loop;
end $$;

insert into projections values ('superiors', 17);
insert into projectors values ('project_superiors', 27, '{SuperiorJoined,SuperiorLeft}');

-- A delegation that ended in good standing is over from then on: another may follow it. (What is revoked a court may
-- restore, and what was loaded may be loaded otherwise before the seal, so their time stays as it was.)
create procedure project_ended_delegations(p_registry int, p_from bigint, p_to bigint) language plpgsql as $$
declare
  e record;
  g delegations;
  ends timestamptz;
begin
  for e in select seq, recorded_at, x.d from events, lateral (select convert_from(body, 'UTF8')::jsonb -> 'data' as d) x
            where registry_id = p_registry and kind = 'StatusChanged' and origin = 'governance'
              and seq between p_from and p_to
              and position('"delegation"'::bytea in body) > 0
              and x.d ->> 'target' = 'delegation' and x.d ->> 'state' = 'ENDED'
            order by seq loop
    ends := coalesce((e.d ->> 'effective_from')::timestamptz, e.recorded_at);
    update delegations set recorded = int8range(lower(recorded), e.seq)
     where registry_id = p_registry and delegation_id = (e.d ->> 'target_id')::bigint and upper_inf(recorded)
       and coalesce(lower(valid) < ends, true) and coalesce(upper(valid) > ends, true)
    returning * into g;
    if found then
      g.valid := tstzrange(lower(g.valid), ends);
      g.recorded := int8range(e.seq, null);
      insert into delegations select g.*;
    end if;
  end loop;
end $$;
insert into projectors values ('project_ended_delegations', 28, '{StatusChanged}');

do $$
declare
  t text;
begin
  foreach t in array array['applications', 'superiors'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy tenant on %I using (registry_id = tenant()) with check (registry_id = tenant())', t);
    execute format('grant select, insert on %I to charter_runtime', t);
  end loop;
end $$;
grant update (proposal_id, refused_at, refused_by, refused_why) on applications to charter_runtime;
grant update (recorded) on superiors to charter_runtime;
