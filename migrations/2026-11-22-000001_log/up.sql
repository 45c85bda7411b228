-- The transparency log: how far the events of a registry are in the tree, what of it was published, and its keys.
-- SPDX-License-Identifier: Apache-2.0 OR MIT

-- One row a registry, made when a process first takes its log. published_size <= size <= epoch. `at` is the time of
-- the newest checkpoint that was signed, `term` counts the processes that took the log, `generation` names the key
-- (log_keys) that `checkpoint` is signed with.
create table log_heads (
  registry_id    int primary key references registries,
  size           bigint not null default 0 check (size >= 0),
  root           bytea not null check (octet_length(root) = 32),
  at             timestamptz not null default '1970-01-01Z',
  term           bigint not null default 0,
  generation     int not null default 1,
  published_size bigint not null default 0,
  checkpoint     text,
  published_at   timestamptz,
  check (published_size between 0 and size),
  check ((checkpoint is null) = (published_size = 0) and (checkpoint is null) = (published_at is null))
);

-- Hashes of 32 bytes each, up to 256 (C2SP tlog-tiles). Entry bundles are made from events.
create table log_tiles (
  registry_id int not null references registries,
  level       smallint not null check (level between 0 and 7),
  n           bigint not null check (n >= 0),
  hashes      bytea not null check (octet_length(hashes) between 32 and 8192 and octet_length(hashes) % 32 = 0),
  primary key (registry_id, level, n)
);

-- Keys that checkpoints are signed and cosigned with. `kept` is what the key store needs to find the private key.
create table log_keys (
  registry_id int not null references registries,
  purpose     text not null check (purpose in ('log', 'witness')),
  generation  int not null check (generation > 0),
  name        text not null,
  vkey        text not null,
  jwk         jsonb not null,
  kept        text not null,
  made_at     timestamptz not null,
  retired_at  timestamptz,
  primary key (registry_id, purpose, generation)
);
create unique index log_keys_one_in_use on log_keys (registry_id, purpose) where retired_at is null;

-- A log grows and nothing else. What was published is given up only together with the key that signed it.
create function log_heads_guard() returns trigger language plpgsql as $$
begin
  if new.size < old.size or new.term < old.term or new.at < old.at or new.generation < old.generation
     or (new.generation = old.generation and new.published_size < old.published_size) then
    raise exception 'a log does not go back' using errcode = 'integrity_constraint_violation';
  end if;
  if new.size > old.size
     and new.size > (select epoch from registry_epochs where registry_id = new.registry_id) then
    raise exception 'a log holds no event that was not committed' using errcode = 'integrity_constraint_violation';
  end if;
  return new;
end $$;
create trigger guard before update on log_heads for each row execute function log_heads_guard();

create function log_tiles_guard() returns trigger language plpgsql as $$
begin
  if substring(new.hashes for octet_length(old.hashes)) is distinct from old.hashes then
    raise exception 'a tile grows and does not change: level %, %', old.level, old.n
      using errcode = 'integrity_constraint_violation';
  end if;
  return new;
end $$;
create trigger guard before update on log_tiles for each row execute function log_tiles_guard();

create function log_keys_guard() returns trigger language plpgsql as $$
begin
  if old.retired_at is not null then
    raise exception 'a key that was retired stays so' using errcode = 'integrity_constraint_violation';
  end if;
  return new;
end $$;
create trigger guard before update on log_keys for each row execute function log_keys_guard();

-- Takes the log for the session that asks, if nobody else has it: the term, or null. The lock goes with the session.
create function take_log(p_registry int) returns bigint language plpgsql as $$
declare
  t bigint;
begin
  -- The first number is "clog" in ASCII: any that nobody else uses.
  if not pg_try_advisory_lock(1668050791, p_registry) then
    return null;
  end if;
  perform set_config('app.registry', p_registry::text, true);
  insert into log_heads (registry_id, root, term)
    values (p_registry, decode('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', 'hex'), 1)
    on conflict (registry_id) do update set term = log_heads.term + 1
    returning term into t;
  return t;
end $$;

-- Where logs stand, for a process that follows what another publishes.
create function log_positions(p_registries int[])
  returns table (registry int, sequenced bigint, published bigint, published_micros bigint) language plpgsql as $$
declare
  r int;
begin
  foreach r in array p_registries loop
    perform set_config('app.registry', r::text, true);
    return query select h.registry_id, h.size, h.published_size, coalesce(micros(h.published_at), 0)
      from log_heads h where h.registry_id = r;
  end loop;
end $$;

do $$
declare
  t text;
begin
  foreach t in array array['log_heads', 'log_tiles', 'log_keys'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy tenant on %I using (registry_id = tenant()) with check (registry_id = tenant())', t);
    execute format('grant select, insert on %I to charter_runtime', t);
  end loop;
end $$;
grant update (size, root, at, term, generation, published_size, checkpoint, published_at) on log_heads to charter_runtime;
grant update (hashes) on log_tiles to charter_runtime;
grant update (retired_at) on log_keys to charter_runtime;
