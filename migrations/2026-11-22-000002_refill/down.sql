-- SPDX-License-Identifier: Apache-2.0 OR MIT
drop procedure refilled(int, bigint, timestamptz);
drop procedure refill(int, bytea[]);
create or replace trigger event_is_governed after insert on events referencing new table as added
  for each statement execute function event_is_governed();
create or replace trigger system_adds_one_key after insert on events
  for each row when (new.kind = 'KeyAdded' and new.origin = 'system') execute function system_adds_one_key();
drop function is_refill();
drop table log_refills;
