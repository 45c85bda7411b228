-- The files are lost; they are made again from the documents.
-- SPDX-License-Identifier: Apache-2.0 OR MIT
drop trigger gone on documents;
drop function documents_gone();
drop table snapshot_files;
drop table snapshot_heads;
drop trigger outlived on delegations;
drop trigger outlived on statements;
drop function documents_outlived();
drop trigger change on documents;
drop function documents_change();
drop index documents_changed;
alter table documents drop column changed;
