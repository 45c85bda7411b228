-- SPDX-License-Identifier: Apache-2.0 OR MIT
-- What went is gone.
drop function retain(int, text, timestamptz, timestamptz, boolean);
drop table retention_runs;
