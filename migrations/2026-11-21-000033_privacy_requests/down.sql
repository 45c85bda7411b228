-- SPDX-License-Identifier: Apache-2.0 OR MIT
drop procedure erase_requests(int, text, text, bigint);
drop function held_requests(int, text, text);
delete from personal_data where name = 'requests';
