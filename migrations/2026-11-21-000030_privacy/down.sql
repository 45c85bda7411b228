-- SPDX-License-Identifier: Apache-2.0 OR MIT
-- What was erased stays erased.
drop function erase_personal_data(int, bigint, text);
drop function personal_data_held(int, text, text);
drop procedure erase_proposals(int, text, text, bigint);
drop function held_proposals(int, text, text);
drop function proposal_concerns(proposals, text, text);
drop procedure erase_restricted(int, text, text, bigint);
drop function held_restricted(int, text, text);
drop procedure erase_principals(int, text, text, bigint);
drop function held_principals(int, text, text);
drop table personal_data;
drop table accesses;
alter table proposals drop column subject, drop column commitment, drop column erased;
