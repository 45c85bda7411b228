-- The kept answers of requests are a place where personal data is, for a day.
-- SPDX-License-Identifier: Apache-2.0 OR MIT

insert into personal_data values ('requests', 40);

-- Those that answered with a proposal about the subject. The table comes with a later migration.
create function held_requests(p_registry int, p_kind text, p_id text)
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
create procedure erase_requests(p_registry int, p_kind text, p_id text, p_seq bigint) language plpgsql as $$
begin
  delete from requests r using proposals p
   where r.registry_id = p_registry and p.registry_id = p_registry and p.erased = p_seq
     and strpos(r.answer, p.proposal_id::text) > 0;
end $$;
