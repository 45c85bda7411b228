-- What was found of the DIDs of entities is lost; it is found again, but for when it changed.
-- SPDX-License-Identifier: Apache-2.0 OR MIT

drop table did_watch;
