-- SPDX-License-Identifier: Apache-2.0 OR MIT
drop index principals_person;
alter table principals drop column person;
