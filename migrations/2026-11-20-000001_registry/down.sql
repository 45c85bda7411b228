-- SPDX-License-Identifier: Apache-2.0 OR MIT
drop procedure rebuild(int), project(int, bigint, bigint), apply_status(int, bigint, jsonb);
drop function facts(int, smallint, text, text, text, bigint), changes_since(int, bigint), fingerprint(int),
  statuses(int, text, text, bigint), span(jsonb);
drop table documents, sealed_keys, keys, schemas, terms, status_changes, delegations, statements, tuples,
  accreditations, entity_identifiers, entities, event_restricted, events, credentials, registry_epochs, registries;
drop function micros(timestamptz), tenant();
