-- Events stay; the names that follow from them are lost until they are projected again.
-- SPDX-License-Identifier: Apache-2.0 OR MIT
delete from projectors where name = 'project_delegation_names';
delete from projections where name = 'delegation_names';
drop procedure project_delegation_names(int, bigint, bigint);
drop table delegation_names;
