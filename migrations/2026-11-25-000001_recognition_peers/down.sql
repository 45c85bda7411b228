-- Events stay; the peers that follow from them are lost until they are projected again.
-- SPDX-License-Identifier: Apache-2.0 OR MIT
delete from projectors where name = 'project_recognition_peers';
delete from projections where name = 'recognition_peers';
drop procedure project_recognition_peers(int, bigint, bigint);
drop table recognition_peers;
