-- What mirrors signed with these keys is known by their names no more.
-- SPDX-License-Identifier: Apache-2.0 OR MIT
alter table log_keys drop constraint log_keys_purpose_check;
alter table log_keys add constraint log_keys_purpose_check check (purpose in ('log', 'witness')) not valid;
