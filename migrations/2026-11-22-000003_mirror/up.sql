-- A mirror signs under a name of its own: it says more than a witness (C2SP tlog-mirror, add-checkpoint).
-- SPDX-License-Identifier: Apache-2.0 OR MIT
alter table log_keys drop constraint log_keys_purpose_check;
alter table log_keys add constraint log_keys_purpose_check check (purpose in ('log', 'witness', 'mirror'));
