-- SPDX-License-Identifier: Apache-2.0 OR MIT
drop index events_subject, events_actor, events_kind, events_origin;
create index events_subject on events (subject, registry_id, seq);
create index events_actor on events (actor, registry_id, seq);
alter table proposals drop column diff;
