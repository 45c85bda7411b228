-- SPDX-License-Identifier: Apache-2.0 OR MIT
create or replace trigger event_keeps_policy after insert on events
  for each row when (new.origin = 'governance') execute function event_keeps_policy();
create or replace trigger proposal_keeps_policy before insert or update of quorum, measure on proposals
  for each row execute function proposal_keeps_policy();
create or replace trigger approval_counts before insert on approvals for each row execute function approval_counts();

create or replace function take_log(p_registry int) returns bigint language plpgsql as $$
declare
  t bigint;
begin
  if not pg_try_advisory_lock(1668050791, p_registry) then
    return null;
  end if;
  perform set_config('app.registry', p_registry::text, true);
  insert into log_heads (registry_id, root, term)
    values (p_registry, decode('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', 'hex'), 1)
    on conflict (registry_id) do update set term = log_heads.term + 1
    returning term into t;
  return t;
end $$;

drop function registry_stays() cascade;
drop table rehomes;
alter table registry_epochs drop column moved_at;
