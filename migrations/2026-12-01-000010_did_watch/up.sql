-- What was found last of the DIDs of entities, so that a change is noticed also by a process that starts after it.
-- No record: it can be found again any time, but for when it changed.
-- SPDX-License-Identifier: Apache-2.0 OR MIT

create table did_watch (
  registry_id int not null references registries,
  did         text not null,
  -- `OK`, or the code of a fault, of the last attempt.
  outcome     text not null check (length(outcome) <= 64),
  -- SHA-256 of the canonical document, or the code of what it is instead; null while nobody has answered.
  finding     text check (length(finding) <= 64),
  first_seen  timestamptz not null,
  checked_at  timestamptz not null,
  -- When another finding took the place of one.
  changed_at  timestamptz,
  changes     int not null default 0,
  primary key (registry_id, did)
);
create index did_watch_changed on did_watch (registry_id, changed_at desc nulls last, did);

alter table did_watch enable row level security;
alter table did_watch force row level security;
create policy tenant on did_watch using (registry_id = tenant()) with check (registry_id = tenant());
grant select, insert, update on did_watch to charter_runtime;
