-- Events stay; what follows from them is lost until it is projected again.
-- SPDX-License-Identifier: Apache-2.0 OR MIT
drop trigger system_adds_one_key on events;
drop function system_adds_one_key();
drop index documents_kid;
alter table documents drop column kid;
delete from projectors where name = 'project_keys';
delete from projections where name in ('key_history', 'evidence');
drop procedure project_keys(int, bigint, bigint);
drop table evidence;
drop table key_history;
