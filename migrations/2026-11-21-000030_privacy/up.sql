-- Personal data: what is held about whom, its erasure, and who looked at what.
-- SPDX-License-Identifier: Apache-2.0 OR MIT

-- What a proposal is about, and what its bytes commit to once the restricted part itself is gone. `erased` is the seq
-- of the event by which its texts were.
alter table proposals add column subject text, add column commitment text, add column erased bigint;
create index proposals_subject on proposals (subject, registry_id);

do $$
declare
  r int;
begin
  for r in select registry_id from registries loop
    perform set_config('app.registry', r::text, true);
    update proposals set subject = case
        when change ->> 'kind' in ('StaffAppointed', 'StaffDismissed') then 'staff'
        when change -> 'data' ? 'entity_id' then change -> 'data' ->> 'entity_id'
        when change -> 'data' ->> 'target' = 'entity' then change -> 'data' ->> 'target_id' else '*' end;
  end loop;
  perform set_config('app.registry', '', true);
end $$;

-- Who looked at what; no event, and about natural persons too. Kept for as long as retention says.
create table accesses (
  registry_id int not null references registries,
  access_id   bigint generated always as identity,
  at          timestamptz not null,
  by_staff    bigint not null,
  what        text not null,
  filter      jsonb not null,
  primary key (registry_id, access_id)
);

-- Where personal data is: for each name a function `held_<name>` (registry, kind of subject, id) that lists it and a
-- procedure `erase_<name>` (registry, kind of subject, id, seq of the event) that erases it.
create table personal_data (
  name     text primary key,
  position smallint not null
);
insert into personal_data values ('principals', 10), ('restricted', 20), ('proposals', 30);
grant select on personal_data to charter_runtime;

-- A principal that was erased has no issuer, and instead of its subject an HMAC of both: nobody can be asked for by
-- it, and whoever comes back is recognised.
create function held_principals(p_registry int, p_kind text, p_id text)
  returns table (place text, seq bigint, erasable boolean, data jsonb) language plpgsql stable as $$
begin
  return query select 'principal', p.staff_id, true, jsonb_build_object('issuer', p.issuer, 'subject', p.subject)
    from principals p where p_kind = 'staff' and p.registry_id = p_registry and p.staff_id::text = p_id and p.issuer <> '';
  return query select 'accesses', null::bigint, false,
           jsonb_build_object('count', count(*), 'first', min(a.at), 'last', max(a.at))
    from accesses a where p_kind = 'staff' and a.registry_id = p_registry and a.by_staff::text = p_id having count(*) > 0;
end $$;
-- Erased by `erase_personal_data` itself, which has the HMAC.
create procedure erase_principals(p_registry int, p_kind text, p_id text, p_seq bigint) language plpgsql as $$
begin
  null;
end $$;

-- Restricted parts of events about the subject.
create function held_restricted(p_registry int, p_kind text, p_id text)
  returns table (place text, seq bigint, erasable boolean, data jsonb) language plpgsql stable as $$
begin
  if p_kind = 'proposal' then
    return query select 'event', e.seq, true, convert_from(r.body, 'UTF8')::jsonb
      from events e join event_restricted r on r.registry_id = e.registry_id and r.seq = e.seq
     where e.registry_id = p_registry and e.proposal = p_id::uuid;
  else
    return query select 'event', e.seq, true, convert_from(r.body, 'UTF8')::jsonb
      from events e join event_restricted r on r.registry_id = e.registry_id and r.seq = e.seq
     where e.registry_id = p_registry and e.subject = case p_kind when 'entity' then p_id else 'staff' end
       and (p_kind = 'entity' or e.seq::text = p_id
            or convert_from(e.body, 'UTF8')::jsonb -> 'data' ->> 'staff_id' = p_id)
     order by e.seq;
  end if;
end $$;
create procedure erase_restricted(p_registry int, p_kind text, p_id text, p_seq bigint) language plpgsql as $$
begin
  -- What was approved, no more.
  delete from event_restricted r using events e,
         jsonb_array_elements_text(convert_from(e.body, 'UTF8')::jsonb -> 'data' -> 'seqs') as s
   where e.registry_id = p_registry and e.seq = p_seq and r.registry_id = p_registry and r.seq = s::bigint;
end $$;

-- Whether a proposal is about the subject. Somebody's erasure is proposed with reasons about them.
create function proposal_concerns(p proposals, p_kind text, p_id text) returns boolean language plpgsql immutable as $$
begin
  return case p_kind
    when 'entity' then p.subject = p_id
    when 'proposal' then p.proposal_id::text = p_id
    else p.subject = 'staff' and (p.change -> 'data' ->> 'staff_id' = p_id
                                  or (p.change ->> 'kind' = 'StaffAppointed' and p.seq::text = p_id)) end
    or (p.change ->> 'kind' = 'PersonalDataErased' and p.change -> 'data' ->> 'subject' = p_kind || ':' || p_id);
end $$;

create function held_proposals(p_registry int, p_kind text, p_id text)
  returns table (place text, seq bigint, erasable boolean, data jsonb) language plpgsql stable as $$
begin
  return query select 'proposal', p.seq, p.state <> 'OPEN', jsonb_strip_nulls(jsonb_build_object(
           'proposal_id', p.proposal_id, 'state', p.state, 'reason', p.reason, 'closed_why', p.closed_why,
           'restricted', p.restricted -> 'body'))
    from proposals p
   where p.registry_id = p_registry and p.erased is null
     and (p.reason <> '' or coalesce(p.closed_why, '') <> '' or p.restricted is not null)
     and proposal_concerns(p, p_kind, p_id)
   order by p.created_at;
  -- What they wrote is about others.
  return query select 'written', p.seq, false, jsonb_strip_nulls(jsonb_build_object('proposal_id', p.proposal_id,
           'reason', case when p.proposer::text = p_id then p.reason end,
           'closed_why', case when p.closed_by::text = p_id then p.closed_why end))
    from proposals p
   where p_kind = 'staff' and p.registry_id = p_registry and p.erased is null
     and (p.proposer::text = p_id or p.closed_by::text = p_id)
   order by p.created_at;
end $$;
create procedure erase_proposals(p_registry int, p_kind text, p_id text, p_seq bigint) language plpgsql as $$
begin
  update proposals p set reason = '', closed_why = case when p.closed_why is not null then '' end, restricted = null,
         erased = p_seq, commitment = coalesce(p.commitment, (select convert_from(e.body, 'UTF8')::jsonb ->> 'restricted'
           from events e where e.registry_id = p_registry and e.seq = p.seq))
   where p.registry_id = p_registry and p.state <> 'OPEN' and p.erased is null and proposal_concerns(p, p_kind, p_id);
end $$;

create function personal_data_held(p_registry int, p_kind text, p_id text)
  returns table (place text, seq bigint, erasable boolean, data jsonb) language plpgsql stable as $$
declare
  t text;
begin
  for t in select d.name from personal_data d order by d.position loop
    return query execute format('select * from %I($1, $2, $3)', 'held_' || t) using p_registry, p_kind, p_id;
  end loop;
end $$;

-- The only way in which the server's role deletes personal data of somebody: by an event that says so, which
-- `event_is_governed` lets in only when others than the proposer have approved it.
create function erase_personal_data(p_registry int, p_seq bigint, p_mac text) returns void
  language plpgsql security definer set search_path = public, pg_temp as $$
declare
  s text;
  kind text;
  id text;
  t text;
begin
  select convert_from(body, 'UTF8')::jsonb -> 'data' ->> 'subject' into s from events
   where registry_id = tenant() and registry_id = p_registry and seq = p_seq and events.kind = 'PersonalDataErased';
  if s is null then
    raise exception 'nothing is erased without an event that says so' using errcode = 'integrity_constraint_violation';
  end if;
  kind := split_part(s, ':', 1);
  id := substr(s, length(kind) + 2);
  if kind = 'staff' then
    if exists (select from staff where registry_id = p_registry and staff_id::text = id and upper_inf(recorded)) then
      raise exception 'somebody in office is not erased' using errcode = 'integrity_constraint_violation';
    end if;
    if coalesce(p_mac, '') !~ '^[0-9a-f]{64}$' then
      raise exception 'a person is erased to an HMAC' using errcode = 'integrity_constraint_violation';
    end if;
    update principals set issuer = '', subject = p_mac
     where registry_id = p_registry and staff_id::text = id and issuer <> '';
  end if;
  for t in select name from personal_data order by position loop
    execute format('call %I($1, $2, $3, $4)', 'erase_' || t) using p_registry, kind, id, p_seq;
  end loop;
end $$;
revoke execute on function erase_personal_data(int, bigint, text) from public;
grant execute on function erase_personal_data(int, bigint, text) to charter_runtime;

grant update (subject, commitment) on proposals to charter_runtime;

alter table accesses enable row level security;
alter table accesses force row level security;
create policy tenant on accesses using (registry_id = tenant()) with check (registry_id = tenant());
grant select, insert on accesses to charter_runtime;
