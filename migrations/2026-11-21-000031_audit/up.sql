-- Reading what was done: an index for each filter, and what each change did, field by field.
-- SPDX-License-Identifier: Apache-2.0 OR MIT

-- Field by field, `from` and `to`, as it was when it was proposed: nothing about its subject is recorded in between.
alter table proposals add column diff jsonb;
grant update (diff) on proposals to charter_runtime;

-- The number is an expression, so that the planner cannot take the primary key instead and look at every event until
-- enough fit. It has only operators that are leakproof: under row-level security no other is compared in an index. What
-- else is filtered by stands behind it, so that it is compared there too, and not in the table.
drop index events_subject;
drop index events_actor;
create index events_subject on events (subject, registry_id, (case when seq > 0 then seq end), actor, kind, origin);
create index events_actor on events (actor, registry_id, (case when seq > 0 then seq end), kind, origin);
create index events_kind on events (kind, registry_id, (case when seq > 0 then seq end), origin);
create index events_origin on events (origin, registry_id, (case when seq > 0 then seq end), kind);
