-- SPDX-License-Identifier: Apache-2.0 OR MIT
delete from projectors where name = 'project_procedure';
delete from projections where name in ('rulings', 'procedure_steps', 'procedures', 'decisions');
drop procedure project_procedure(int, bigint, bigint);
drop procedure apply_ruling(int, bigint, text, text);
drop function set_aside(int, bigint);
drop table rulings, decisions, procedure_steps, procedures;
