-- Security events are lost, and how far receivers are.
-- SPDX-License-Identifier: Apache-2.0 OR MIT

drop function retain(int, text, timestamptz, timestamptz, boolean);
alter function retain_records(int, text, timestamptz, timestamptz, boolean) rename to retain;
grant execute on function retain(int, text, timestamptz, timestamptz, boolean) to charter_runtime;
drop table trail_marks;
drop table security_events;
drop table security_heads;
