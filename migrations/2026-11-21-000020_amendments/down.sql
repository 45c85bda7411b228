-- SPDX-License-Identifier: Apache-2.0 OR MIT
drop trigger revision_follows on proposals;
drop function revision_follows();
revoke update (quorum) on proposals from charter_runtime;
