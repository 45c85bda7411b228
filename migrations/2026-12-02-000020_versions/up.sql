-- The server looks whether the schema is one that it knows before it serves from it. Diesel makes this table before the
-- first migration.
-- SPDX-License-Identifier: Apache-2.0 OR MIT

grant select on __diesel_schema_migrations to charter_runtime;
