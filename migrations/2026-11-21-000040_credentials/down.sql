-- There is no way back: who could sign in with what must not be forgotten.
-- SPDX-License-Identifier: Apache-2.0 OR MIT
do $$ begin raise exception 'credentials cannot be taken out of a registry'; end $$;
