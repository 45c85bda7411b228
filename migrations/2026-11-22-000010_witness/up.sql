-- How far this registry's witness has cosigned other logs: a tripwire beside the witness's own files.
-- SPDX-License-Identifier: Apache-2.0 OR MIT

-- Written after the witness has answered, so a mark may be behind the file and never ahead of it: a file that is behind
-- its mark was restored from an older state. The witness's state itself is in no database that it witnesses.
create table witness_marks (
  registry_id int not null references registries,
  origin      text not null check (length(origin) between 1 and 255),
  size        bigint not null check (size >= 0),
  primary key (registry_id, origin)
);

alter table witness_marks enable row level security;
alter table witness_marks force row level security;
create policy tenant on witness_marks using (registry_id = tenant()) with check (registry_id = tenant());
grant select, insert, update (size) on witness_marks to charter_runtime;
