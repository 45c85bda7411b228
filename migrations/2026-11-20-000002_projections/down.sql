-- SPDX-License-Identifier: Apache-2.0 OR MIT
drop procedure rebuild(int), project(int, bigint, bigint), project_records(int, bigint, bigint),
  apply_status(int, bigint, jsonb);
drop type run_event;
drop function facts(int, smallint, text, text, text, bigint), changes_since(int, bigint), fingerprint(int),
  statuses(int, text, text, bigint), span(jsonb, timestamptz);
drop table projectors, projections;
