-- Governance: staff, proposals, approvals, and the refusal of any other change once a registry is sealed.
-- SPDX-License-Identifier: Apache-2.0 OR MIT

-- Staff is a number in everything public. `staff_id` = seq of the event that appointed it.
create table staff (
  registry_id int not null references registries,
  staff_id    bigint not null,
  roles       text[] not null,
  service     boolean not null,
  recorded    int8range not null,
  primary key (registry_id, staff_id)
);

-- Who a number stands for: about a natural person, so erasable, and no projection. A person is staff once, for ever:
-- nobody comes back under another number and approves what they proposed before.
create table principals (
  registry_id int not null references registries,
  staff_id    bigint not null,
  issuer      text not null,
  subject     text not null,
  primary key (registry_id, staff_id),
  unique (registry_id, issuer, subject)
);

-- A drafted change. `change` is the event's kind and data; `hash` is over the bytes that approvers see.
create table proposals (
  registry_id int not null references registries,
  proposal_id uuid not null,
  revision    int not null check (revision > 0),
  change      jsonb not null,
  restricted  jsonb,
  reason      text not null,
  proposer    bigint not null,
  base        bigint not null,
  quorum      smallint not null check (quorum >= 2),
  hash        text not null,
  created_at  timestamptz not null,
  expires_at  timestamptz not null,
  state       text not null default 'OPEN' check (state in ('OPEN', 'EXECUTED', 'REFUSED', 'WITHDRAWN')),
  closed_by   bigint,
  closed_why  text,
  seq         bigint,
  primary key (registry_id, proposal_id),
  check ((state = 'EXECUTED') = (seq is not null))
);
create index proposals_open on proposals (created_at desc, registry_id) where state = 'OPEN';
create index proposals_all on proposals (created_at desc, proposal_id, registry_id);

create table approvals (
  registry_id int not null,
  proposal_id uuid not null,
  revision    int not null,
  by_staff    bigint not null,
  proposer    bigint not null,
  role        text not null,
  over_hash   text not null,
  at          timestamptz not null,
  primary key (registry_id, proposal_id, revision, by_staff),
  foreign key (registry_id, proposal_id) references proposals,
  constraint approvals_four_eyes check (by_staff <> proposer)
);

-- An approval is of somebody in office who may, over what the proposal says now.
create function approval_counts() returns trigger language plpgsql as $$
declare
  p proposals;
begin
  select * into p from proposals where registry_id = new.registry_id and proposal_id = new.proposal_id;
  if p.proposer <> new.proposer or p.state <> 'OPEN' or p.revision <> new.revision or p.hash <> new.over_hash then
    raise exception 'an approval of something else than the open proposal' using errcode = 'integrity_constraint_violation';
  end if;
  if not exists (select from staff where registry_id = new.registry_id and staff_id = new.by_staff and not service
                    and upper_inf(recorded) and roles && array[new.role]
                    and new.role in ('APPROVER', 'SECURITY_OFFICER')) then
    raise exception 'an approval of somebody who may not' using errcode = 'integrity_constraint_violation';
  end if;
  return new;
end $$;
create trigger approval_counts before insert on approvals for each row execute function approval_counts();

alter table events add column proposal uuid;
create unique index events_proposal on events (registry_id, proposal) where proposal is not null;
create index events_subject on events (subject, registry_id, seq);
create index events_actor on events (actor, registry_id, seq);
create index events_time on events (registry_id, recorded_at);

-- What one person may do at once: suspend an entity until it lapses, and take a credential away. Both take away only.
create function emergency_is_allowed(p_registry int, p_kind text, p_actor text, p_recorded_at timestamptz, d jsonb)
  returns boolean language plpgsql stable as $$
begin
  return case p_kind
    when 'StatusChanged' then d ->> 'state' = 'SUSPENDED' and d ->> 'target' = 'entity'
      and (d ->> 'lapses_at')::timestamptz <= p_recorded_at + interval '24 hours'
      and exists (select from staff s where s.registry_id = p_registry and s.staff_id::text = p_actor
                     and upper_inf(s.recorded) and not s.service and s.roles && array['OFFICER', 'SECURITY_OFFICER'])
    when 'CredentialRevoked' then exists (select from staff s where s.registry_id = p_registry
                     and s.staff_id::text = p_actor and upper_inf(s.recorded) and not s.service
                     and s.roles && array['SECURITY_OFFICER'])
    else false end;
end $$;

-- Four eyes, whatever the program believes. A registry in BOOTSTRAP takes loaded records; a sealed one takes what
-- enough others than the proposer approved, what one person may do at once, and its own keys.
create function event_is_governed() returns trigger language plpgsql as $$
declare
  e record;
begin
  if exists (select from added a join registries r using (registry_id)
              where a.origin = 'bootstrap' and r.phase <> 'BOOTSTRAP') then
    raise exception 'a sealed registry takes no loaded records' using errcode = 'integrity_constraint_violation';
  end if;
  for e in select a.registry_id, a.kind, a.origin, a.actor, a.proposal, a.recorded_at, convert_from(a.body, 'UTF8')::jsonb as body
             from added a where a.origin <> 'bootstrap' loop
    if not coalesce(case e.origin
      when 'system' then e.kind in ('RegistryOpened', 'KeyAdded')
      when 'init' then e.kind in ('StaffAppointed', 'RegistrySealed')
        and exists (select from registries where registry_id = e.registry_id and phase = 'BOOTSTRAP')
      when 'emergency' then emergency_is_allowed(e.registry_id, e.kind, e.actor, e.recorded_at, e.body -> 'data')
      when 'governance' then exists (
        select from proposals p
         where p.registry_id = e.registry_id and p.proposal_id = e.proposal and p.state = 'OPEN'
           and p.expires_at > e.recorded_at
           and p.change ->> 'kind' = e.kind and p.change -> 'data' is not distinct from e.body -> 'data'
           and (select count(distinct a.by_staff) from approvals a
                 where a.registry_id = p.registry_id and a.proposal_id = p.proposal_id and a.revision = p.revision
                   and a.over_hash = p.hash and a.by_staff <> p.proposer) >= p.quorum - 1)
      else false end, false)
    then
      raise exception 'an event that nobody may record: % of origin %', e.kind, e.origin
        using errcode = 'integrity_constraint_violation';
    end if;
  end loop;
  return null;
end $$;
create trigger event_is_governed after insert on events referencing new table as added
  for each statement execute function event_is_governed();

-- Sealing is final.
create function phase_is_final() returns trigger language plpgsql as $$
begin
  raise exception 'a sealed registry stays sealed' using errcode = 'integrity_constraint_violation';
end $$;
create trigger phase_is_final before update of phase on registries for each row
  when (old.phase = 'GOVERNED' and new.phase <> 'GOVERNED') execute function phase_is_final();

-- Projections ------------------------------------------------------------------------------------------------

alter table status_changes add column reach text, add column legal_basis text, add column succeeded_by uuid[];

-- A state holds from `effective_from` on, or until it lapses: then what was before holds again.
create procedure apply_status(p_registry int, p_seq bigint, d jsonb) language plpgsql as $$
declare
  old record;
  span tstzrange := tstzrange(coalesce((d ->> 'effective_from')::timestamptz,
    (select recorded_at from events where registry_id = p_registry and seq = p_seq)), (d ->> 'lapses_at')::timestamptz);
  part tstzrange;
begin
  for old in
    select ctid, * from status_changes
     where registry_id = p_registry and target_kind = d ->> 'target' and target_id = d ->> 'target_id'
       and upper_inf(recorded) and effective && span
     order by effective
  loop
    update status_changes set recorded = int8range(lower(recorded), p_seq) where ctid = old.ctid;
    for part in select unnest(tstzmultirange(old.effective) - tstzmultirange(span)) loop
      insert into status_changes values (p_registry, old.target_kind, old.target_id, old.state, old.reason, part,
        int8range(p_seq, null), old.reach, old.legal_basis, old.succeeded_by);
    end loop;
  end loop;
  if d ->> 'state' <> 'ACTIVE' then
    insert into status_changes values (p_registry, d ->> 'target', d ->> 'target_id', d ->> 'state', d ->> 'reason', span,
      int8range(p_seq, null), d ->> 'reach', d ->> 'legal_basis',
      (select array_agg(s::uuid) from jsonb_array_elements_text(d -> 'succeeded_by') as s));
  end if;
end $$;

create procedure project_staff(p_registry int, p_from bigint, p_to bigint) language plpgsql as $$
declare
  e record;
begin
  for e in select seq, kind, convert_from(body, 'UTF8')::jsonb -> 'data' as d from events
            where registry_id = p_registry and kind in ('StaffAppointed', 'StaffDismissed')
              and seq between p_from and p_to order by seq loop
    if e.kind = 'StaffAppointed' then
      insert into staff values (p_registry, e.seq, array(select jsonb_array_elements_text(e.d -> 'roles')),
        (e.d ->> 'service')::boolean, int8range(e.seq, null));
    else
      update staff set recorded = int8range(lower(recorded), e.seq)
       where registry_id = p_registry and staff_id = (e.d ->> 'staff_id')::bigint and upper_inf(recorded);
    end if;
  end loop;
end $$;

insert into projections values ('staff', 110);
insert into projectors values ('project_staff', 20, '{StaffAppointed,StaffDismissed}');

-- Row-level security -----------------------------------------------------------------------------------------

do $$
declare
  t text;
begin
  foreach t in array array['staff', 'principals', 'proposals', 'approvals'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy tenant on %I using (registry_id = tenant()) with check (registry_id = tenant())', t);
    execute format('grant select, insert on %I to charter_runtime', t);
  end loop;
end $$;
grant update (recorded) on staff to charter_runtime;
grant update (revision, change, restricted, reason, base, hash, state, closed_by, closed_why, seq) on proposals
  to charter_runtime;
