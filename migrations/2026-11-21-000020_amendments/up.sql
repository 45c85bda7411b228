-- An amended proposal may need another number of persons.
-- SPDX-License-Identifier: Apache-2.0 OR MIT
grant update (quorum) on proposals to charter_runtime;

-- A revision follows the one before, and what is closed stays as it was approved or refused.
create function revision_follows() returns trigger language plpgsql as $$
begin
  if new.revision <> old.revision and (new.revision <> old.revision + 1 or old.state <> 'OPEN') then
    raise exception 'a revision follows the one before, of an open proposal' using errcode = 'integrity_constraint_violation';
  end if;
  if new.revision = old.revision and (new.change <> old.change or new.hash <> old.hash or new.quorum <> old.quorum) then
    raise exception 'another draft is another revision' using errcode = 'integrity_constraint_violation';
  end if;
  return new;
end $$;
create trigger revision_follows before update on proposals for each row execute function revision_follows();
