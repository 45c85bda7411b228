-- Webhooks: who is told of events, how far they are, and how each attempt went. Configuration of delivery, no records:
-- so no events, and no projections.
-- SPDX-License-Identifier: Apache-2.0 OR MIT

create table webhooks (
  registry_id    int not null references registries,
  webhook_id     uuid not null,
  url            text not null,
  -- Empty: all.
  kinds          text[] not null,
  entity_id      uuid,
  -- Sealed with the key-encryption key. The one before signs too, for a while.
  secret         text not null,
  previous       text,
  previous_until timestamptz,
  created_at     timestamptz not null,
  state          text not null default 'ACTIVE' check (state in ('ACTIVE', 'DISABLED', 'DELETED')),
  disabled_why   text not null default '',
  -- Number of the last event that was delivered or passed over.
  cursor         bigint not null,
  failing_since  timestamptz,
  failures       int not null default 0,
  due_at         timestamptz not null,
  -- Who delivers now, and until when nobody else does.
  lease          uuid,
  leased_until   timestamptz not null default '-infinity',
  attempts       bigint not null default 0,
  primary key (registry_id, webhook_id)
);

-- The last attempts, in as many slots: the newest takes the place of the oldest.
create table webhook_deliveries (
  registry_id int not null,
  webhook_id  uuid not null,
  slot        smallint not null,
  number      bigint not null,
  seq         bigint not null,
  failures    int not null,
  at          timestamptz not null,
  duration_ms int not null,
  -- HTTP status; 0 where there was none.
  status      smallint not null,
  outcome     text not null,
  primary key (registry_id, webhook_id, slot),
  foreign key (registry_id, webhook_id) references webhooks
);

-- Who changed what, and when.
create table webhook_changes (
  registry_id int not null,
  webhook_id  uuid not null,
  number      bigint generated always as identity,
  at          timestamptz not null,
  staff_id    bigint not null,
  what        text not null,
  primary key (registry_id, webhook_id, number),
  foreign key (registry_id, webhook_id) references webhooks
);

-- Whether an event is about an entity: it says so, or changes the status of something that the entity holds.
create function event_about(p_registry int, p_kind text, p_subject text, p_body bytea, p_entity uuid) returns boolean
  language plpgsql stable as $$
declare
  d jsonb;
begin
  if p_subject = p_entity::text then
    return true;
  elsif p_kind <> 'StatusChanged' then
    return false;
  end if;
  d := convert_from(p_body, 'UTF8')::jsonb -> 'data';
  if d ->> 'target' = 'accreditation' then
    return exists (select from accreditations where registry_id = p_registry and entity_id = p_entity
                      and accreditation_id = (d ->> 'target_id')::uuid);
  elsif d ->> 'target' = 'statement' then
    return exists (select from statements s join tuples t using (registry_id, tuple_id)
                    where s.registry_id = p_registry and t.entity_id = p_entity
                      and s.statement_id = (d ->> 'target_id')::bigint);
  end if;
  return false;
end $$;

do $$
declare
  t text;
begin
  foreach t in array array['webhooks', 'webhook_deliveries', 'webhook_changes'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy tenant on %I using (registry_id = tenant()) with check (registry_id = tenant())', t);
    execute format('grant select, insert on %I to charter_runtime', t);
  end loop;
end $$;
grant update (url, kinds, entity_id, secret, previous, previous_until, state, disabled_why, cursor, failing_since, failures,
              due_at, lease, leased_until, attempts) on webhooks to charter_runtime;
grant update (number, seq, failures, at, duration_ms, status, outcome) on webhook_deliveries to charter_runtime;
