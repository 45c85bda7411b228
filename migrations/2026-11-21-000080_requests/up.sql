-- Requests that were carried out, with their answers, so that one sent again is answered and not carried out again.
-- SPDX-License-Identifier: Apache-2.0 OR MIT

-- Kept for a day. `payload` is SHA-256 of what was asked; `answer` is JSON and may name natural persons.
create table requests (
  registry_id int not null references registries,
  principal   text not null,
  request_id  uuid not null,
  method      text not null,
  payload     bytea not null check (length(payload) = 32),
  answer      text not null,
  at          timestamptz not null,
  primary key (registry_id, principal, request_id)
);
create index requests_at on requests (registry_id, at);

alter table requests enable row level security;
alter table requests force row level security;
create policy tenant on requests using (registry_id = tenant()) with check (registry_id = tenant());
-- No record: the only rows that the server's role may delete.
grant select, insert, delete on requests to charter_runtime;
