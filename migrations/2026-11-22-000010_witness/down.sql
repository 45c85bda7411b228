-- SPDX-License-Identifier: Apache-2.0 OR MIT
drop table witness_marks;
