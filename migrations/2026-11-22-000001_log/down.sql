-- The tree can be computed again from the events; keys of the log and what was published with them are lost.
-- SPDX-License-Identifier: Apache-2.0 OR MIT
drop function log_positions(int[]);
drop function take_log(int);
drop table log_keys;
drop table log_tiles;
drop table log_heads;
drop function log_keys_guard();
drop function log_tiles_guard();
drop function log_heads_guard();
