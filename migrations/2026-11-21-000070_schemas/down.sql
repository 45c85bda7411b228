-- SPDX-License-Identifier: Apache-2.0 OR MIT
drop function facts(int, smallint, text, text, text, bigint);
delete from projectors where name = 'project_schemas';
delete from projections where name in ('schema_revisions', 'schema_deprecations', 'credential_types', 'type_identifiers');
drop procedure project_schemas;
drop table type_identifiers;
drop table credential_types;
drop table schema_deprecations;
drop table schema_revisions;
drop index schemas_uri;
drop index schemas_sha256;
