#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# What `charterd migrate --print-roles` prints, with passwords; run once, when the database is made.
set -eu
psql --set ON_ERROR_STOP=1 --username postgres --set owner="$CHARTER_OWNER_PASSWORD" --set runtime="$CHARTER_RUNTIME_PASSWORD" <<'SQL'
create role charter_owner login nosuperuser nobypassrls password :'owner';
create role charter_runtime login nosuperuser nobypassrls password :'runtime';
create database charter owner charter_owner;
SQL
