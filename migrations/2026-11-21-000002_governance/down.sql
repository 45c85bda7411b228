-- There is no way back: who approved what must not be forgotten.
-- SPDX-License-Identifier: Apache-2.0 OR MIT
do $$ begin raise exception 'governance cannot be taken out of a registry'; end $$;
