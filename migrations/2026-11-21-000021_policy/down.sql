-- SPDX-License-Identifier: Apache-2.0 OR MIT
drop trigger event_keeps_policy on events;
drop trigger proposal_keeps_policy on proposals;
drop function event_keeps_policy();
drop function proposal_keeps_policy();
drop function policy_quorum(int, text);
alter table proposals drop column measure;
delete from projectors where name = 'project_policy';
delete from projections where name = 'registry_policies';
drop procedure project_policy(int, bigint, bigint);
drop table registry_policies;
