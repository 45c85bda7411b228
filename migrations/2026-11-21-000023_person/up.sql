-- Persons whatever their accounts: an HMAC of what tells them apart. It outlives their erasure, so that nobody comes
-- back under another number.
-- SPDX-License-Identifier: Apache-2.0 OR MIT
alter table principals add column person text;
create unique index principals_person on principals (registry_id, person);
