-- SPDX-License-Identifier: Apache-2.0 OR MIT
create or replace function held_principals(p_registry int, p_kind text, p_id text)
  returns table (place text, seq bigint, erasable boolean, data jsonb) language plpgsql stable as $$
begin
  return query select 'principal', p.staff_id, true, jsonb_build_object('issuer', p.issuer, 'subject', p.subject)
    from principals p where p_kind = 'staff' and p.registry_id = p_registry and p.staff_id::text = p_id and p.issuer <> '';
  return query select 'accesses', null::bigint, false,
           jsonb_build_object('count', count(*), 'first', min(a.at), 'last', max(a.at))
    from accesses a where p_kind = 'staff' and a.registry_id = p_registry and a.by_staff::text = p_id having count(*) > 0;
end $$;
create or replace function held_requests(p_registry int, p_kind text, p_id text)
  returns table (place text, seq bigint, erasable boolean, data jsonb) language plpgsql stable as $$
begin
  return query select 'request', null::bigint, true,
           jsonb_build_object('request_id', r.request_id, 'method', r.method, 'answer', r.answer::jsonb)
    from requests r
   where r.registry_id = p_registry and exists (
           select from proposals p where p.registry_id = p_registry and p.state <> 'OPEN' and p.erased is null
              and strpos(r.answer, p.proposal_id::text) > 0 and proposal_concerns(p, p_kind, p_id))
   order by r.at;
end $$;
create or replace procedure erase_requests(p_registry int, p_kind text, p_id text, p_seq bigint) language plpgsql as $$
begin
  delete from requests r using proposals p
   where r.registry_id = p_registry and p.registry_id = p_registry and p.erased = p_seq
     and strpos(r.answer, p.proposal_id::text) > 0;
end $$;
