-- Keys with their history, of registries and of entities; and what is known to have existed when.
-- SPDX-License-Identifier: Apache-2.0 OR MIT

-- One row for each thing said of a key. `owner` is 'registry', or the id of an entity.
create table key_history (
  registry_id       int not null references registries,
  owner             text not null,
  kid               text not null,
  jwk               jsonb not null,
  added_at          timestamptz not null,
  valid_from        timestamptz not null,
  valid_until       timestamptz,
  revoked_at        timestamptz,
  reason            text check (reason in ('COMPROMISED', 'SUPERSEDED')),
  compromised_since timestamptz,
  recorded          int8range not null,
  primary key (registry_id, owner, kid, recorded)
);
create unique index key_history_now on key_history (registry_id, owner, kid) where upper_inf(recorded);

-- What has this hash existed when the event was recorded.
create table evidence (
  registry_id int not null references registries,
  seq         bigint not null,
  sha256      text not null,
  about       uuid,
  recorded_at timestamptz not null,
  primary key (registry_id, seq)
);
create index evidence_sha256 on evidence (sha256, registry_id, seq);

create procedure project_keys(p_registry int, p_from bigint, p_to bigint) language plpgsql as $$
declare
  e record;
  k key_history;
begin
  for e in select seq, kind, recorded_at as at, coalesce(x.d ->> 'entity_id', 'registry') as owner, x.d
             from events, lateral (select convert_from(body, 'UTF8')::jsonb -> 'data' as d) x
            where registry_id = p_registry and seq between p_from and p_to
              and kind in ('KeyAdded', 'KeyRetired', 'KeyRevoked', 'EntityKeyAdded', 'EntityKeyRevoked', 'EvidenceRecorded')
            order by seq loop
    if e.kind = 'EvidenceRecorded' then
      insert into evidence values (p_registry, e.seq, e.d ->> 'sha256', (e.d ->> 'about')::uuid, e.at);
    elsif e.kind in ('KeyAdded', 'EntityKeyAdded') then
      -- Nothing is valid before it is recorded.
      insert into key_history values (p_registry, e.owner, e.d ->> 'kid', e.d -> 'jwk', e.at,
        greatest(coalesce(e.d ->> 'active_from', e.d ->> 'valid_from')::timestamptz, e.at),
        (e.d ->> 'valid_until')::timestamptz, null, null, null, int8range(e.seq, null));
    else
      select * into strict k from key_history
       where registry_id = p_registry and owner = e.owner and kid = e.d ->> 'kid' and upper_inf(recorded);
      update key_history set recorded = int8range(lower(recorded), e.seq)
       where registry_id = p_registry and owner = e.owner and kid = k.kid and upper_inf(recorded);
      if e.kind = 'KeyRetired' then
        k.valid_until := greatest((e.d ->> 'from')::timestamptz, e.at);
      else
        k.revoked_at := coalesce(k.revoked_at, e.at);
        k.reason := e.d ->> 'reason';
        k.compromised_since := (e.d ->> 'compromised_since')::timestamptz;
      end if;
      k.recorded := int8range(e.seq, null);
      insert into key_history select k.*;
    end if;
  end loop;
end $$;

insert into projections values ('key_history', 120), ('evidence', 121);
insert into projectors values
  ('project_keys', 30, '{KeyAdded,KeyRetired,KeyRevoked,EntityKeyAdded,EntityKeyRevoked,EvidenceRecorded}');

do $$
declare
  t text;
  r record;
begin
  foreach t in array array['key_history', 'evidence'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy tenant on %I using (registry_id = tenant()) with check (registry_id = tenant())', t);
    execute format('grant select, insert on %I to charter_runtime', t);
  end loop;
  -- Registries that are here already have their first key.
  for r in select registry_id from registries loop
    perform set_config('app.registry', r.registry_id::text, true);
    call project_keys(r.registry_id, 1, 9223372036854775806);
  end loop;
  perform set_config('app.registry', '', true);
end $$;
grant update (recorded) on key_history to charter_runtime;

-- The key that signed a document: what another than the present one signed is signed again.
alter table documents add column kid text;
create index documents_kid on documents (registry_id, kid);
grant update (kid) on documents to charter_runtime;

-- The server gives a registry its first key; every other is proposed and approved.
create function system_adds_one_key() returns trigger language plpgsql as $$
begin
  if exists (select from events e where e.registry_id = new.registry_id and e.kind = 'KeyAdded' and e.seq <> new.seq) then
    raise exception 'a registry that has a key gets another by governance only'
      using errcode = 'integrity_constraint_violation';
  end if;
  return null;
end $$;
create trigger system_adds_one_key after insert on events
  for each row when (new.kind = 'KeyAdded' and new.origin = 'system') execute function system_adds_one_key();
