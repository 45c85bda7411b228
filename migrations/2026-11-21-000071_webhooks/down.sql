-- SPDX-License-Identifier: Apache-2.0 OR MIT
drop function event_about(int, text, text, bytea, uuid);
drop table webhook_changes;
drop table webhook_deliveries;
drop table webhooks;
