-- Events stay; the pins that follow from them are lost until they are projected again.
-- SPDX-License-Identifier: Apache-2.0 OR MIT
delete from projectors where name = 'project_delegation_pins';
delete from projections where name = 'delegation_pins';
drop procedure project_delegation_pins(int, bigint, bigint);
drop table delegation_pins;
