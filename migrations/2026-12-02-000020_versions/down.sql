-- A server of this release refuses to start without it.
-- SPDX-License-Identifier: Apache-2.0 OR MIT

revoke select on __diesel_schema_migrations from charter_runtime;
