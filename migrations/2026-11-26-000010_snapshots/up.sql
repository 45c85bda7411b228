-- Snapshots: all signed documents of a registry as files that never change, for who keeps a copy. Made from the documents,
-- and made again any time.
-- SPDX-License-Identifier: Apache-2.0 OR MIT

-- The transaction that wrote the document: what is new since a set was made is what its snapshot of the database did not
-- see, in whatever order transactions commit.
alter table documents add column changed bigint not null default 0;
create index documents_changed on documents (registry_id, changed);

create function documents_change() returns trigger language plpgsql as $$
begin
  new.changed := pg_current_xact_id()::text::bigint;
  return new;
end $$;
create trigger change before insert or update on documents for each row execute function documents_change();

-- A statement or delegation that is held no longer leaves its documents to expire: they have changed by that.
create function documents_outlived() returns trigger language plpgsql as $$
begin
  if tg_table_name = 'statements' then
    update documents set iat = iat where registry_id = new.registry_id
       and target in ('statement:' || new.statement_id, 'recognition:' || new.statement_id);
  else
    update documents set iat = iat where registry_id = new.registry_id and target = 'delegation:' || new.delegation_id;
  end if;
  return null;
end $$;
create trigger outlived after update of recorded on statements for each row execute function documents_outlived();
create trigger outlived after update of recorded on delegations for each row execute function documents_outlived();

-- One row a registry whose snapshot was asked for. `seen` is what the database showed when the set was read; without it
-- the next set begins with a whole snapshot.
create table snapshot_heads (
  registry_id int primary key references registries,
  contents    jsonb not null,
  seen        pg_snapshot,
  jws         text not null,
  iat         timestamptz not null
);

create table snapshot_files (
  registry_id int not null references registries,
  sha256      text not null check (sha256 ~ '^[0-9a-f]{64}$'),
  body        bytea not null,
  made_at     timestamptz not null,
  primary key (registry_id, sha256)
);
-- Signatures and base64 do not become shorter.
alter table snapshot_files alter column body set storage external;

-- Documents that were deleted (a refill) are in no delta.
create function documents_gone() returns trigger language plpgsql as $$
begin
  update snapshot_heads set seen = null where registry_id in (select registry_id from gone);
  return null;
end $$;
create trigger gone after delete on documents referencing old table as gone
  for each statement execute function documents_gone();

do $$
declare
  t text;
begin
  foreach t in array array['snapshot_heads', 'snapshot_files'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy tenant on %I using (registry_id = tenant()) with check (registry_id = tenant())', t);
    execute format('grant select, insert on %I to charter_runtime', t);
  end loop;
end $$;
grant update (contents, seen, jws, iat) on snapshot_heads to charter_runtime;
-- Files that no index names any more; none of them is a record.
grant delete on snapshot_files to charter_runtime;
