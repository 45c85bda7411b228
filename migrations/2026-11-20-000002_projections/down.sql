-- SPDX-License-Identifier: Apache-2.0 OR MIT
drop procedure rebuild(int), project(int, bigint, bigint), project_records(int, bigint, bigint);
drop type run_event;
drop function changes_since(int, bigint), fingerprint(int), statuses(int, text, text, bigint), span(jsonb, timestamptz);
drop table projectors, projections;
