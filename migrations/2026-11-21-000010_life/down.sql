-- Rows that corrections and renewals closed do not fit the old keys: only a registry without any can go back.
-- SPDX-License-Identifier: Apache-2.0 OR MIT

delete from projectors where name = 'project_life';
drop procedure project_life(int, bigint, bigint);
drop procedure renew(int, bigint, jsonb);
drop procedure correct_delegation(int, bigint, jsonb);
drop procedure correct_accreditation(int, bigint, jsonb);
drop procedure correct_entity(int, bigint, jsonb);

drop index accreditations_id;
create unique index accreditations_id on accreditations (accreditation_id, registry_id);
alter table accreditations drop constraint accreditations_pkey, add primary key (registry_id, accreditation);
alter table statements drop constraint statements_pkey, add primary key (registry_id, statement_id);
alter table delegations drop constraint delegations_pkey, add primary key (registry_id, delegation_id);
