-- SPDX-License-Identifier: Apache-2.0 OR MIT
drop table documents, sealed_keys, keys, schemas, terms, status_changes, delegations, statements, tuples,
  accreditations, entity_identifiers, entities, event_restricted, events, credentials, registry_epochs, registries;
drop function micros(timestamptz), tenant();
