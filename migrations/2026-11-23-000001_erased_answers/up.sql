-- An erased answer leaves its request behind, so that it is not carried out again; HMACs that outlive an erasure are shown.
-- SPDX-License-Identifier: Apache-2.0 OR MIT

-- Instead of the subject of a principal that was erased there is an HMAC, and there may be another of what tells the
-- person apart: both stay, so that whoever comes back is recognised.
create or replace function held_principals(p_registry int, p_kind text, p_id text)
  returns table (place text, seq bigint, erasable boolean, data jsonb) language plpgsql stable as $$
begin
  return query select 'principal', p.staff_id, p.issuer <> '',
           case when p.issuer <> '' then jsonb_build_object('issuer', p.issuer, 'subject', p.subject)
                else jsonb_build_object('hmac', p.subject) end
    from principals p where p_kind = 'staff' and p.registry_id = p_registry and p.staff_id::text = p_id;
  return query select 'person_key', p.staff_id, false, jsonb_build_object('hmac', p.person)
    from principals p where p_kind = 'staff' and p.registry_id = p_registry and p.staff_id::text = p_id
     and p.person is not null;
  return query select 'accesses', null::bigint, false,
           jsonb_build_object('count', count(*), 'first', min(a.at), 'last', max(a.at))
    from accesses a where p_kind = 'staff' and a.registry_id = p_registry and a.by_staff::text = p_id having count(*) > 0;
end $$;

-- Every answer that holds a proposal about the subject, and so what it says of persons; with one that is still open it
-- stays. Answers that hold no proposal hold epochs, credentials, schemas, delegations and webhooks: nobody's data.
create or replace function held_requests(p_registry int, p_kind text, p_id text)
  returns table (place text, seq bigint, erasable boolean, data jsonb) language plpgsql stable as $$
begin
  return query select 'request', null::bigint, bool_or(p.state <> 'OPEN'),
           jsonb_build_object('request_id', r.request_id, 'method', r.method, 'answer', r.answer::jsonb)
    from requests r join proposals p on p.registry_id = r.registry_id and strpos(r.answer, p.proposal_id::text) > 0
   where r.registry_id = p_registry and r.answer <> '' and p.erased is null and proposal_concerns(p, p_kind, p_id)
   group by r.registry_id, r.principal, r.request_id
   order by r.at;
end $$;

-- The answer goes, and the hash of what was asked, which can be guessed; the id stays for its day. An answer is JSON and
-- never empty: an empty one was erased.
create or replace procedure erase_requests(p_registry int, p_kind text, p_id text, p_seq bigint) language plpgsql as $$
begin
  update requests r set answer = '', payload = decode(repeat('00', 32), 'hex') from proposals p
   where r.registry_id = p_registry and p.registry_id = p_registry and p.erased = p_seq
     and strpos(r.answer, p.proposal_id::text) > 0;
end $$;
