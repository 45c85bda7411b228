-- What applicants sent is lost; the events of superiors stay.
-- SPDX-License-Identifier: Apache-2.0 OR MIT

delete from projectors where name in ('project_superiors', 'project_ended_delegations');
delete from projections where name = 'superiors';
drop procedure project_superiors(int, bigint, bigint);
drop procedure project_ended_delegations(int, bigint, bigint);
drop table superiors;
drop function forget_applications(int, timestamptz);
drop table applications;
