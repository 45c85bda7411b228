//! Another draft in the place of an open proposal: by its proposer, to be approved anew.

use charter_domain::{RegistryId, event::Change, staff::Staff};
use charter_store::{proposal::Kept, restricted::Restricted};
use uuid::Uuid;

use super::{Wish, check, draft, found, tenant};
use crate::{App, Error};

/// Drafts and checks as `propose` does; keeps the next revision unless only asked to check.
pub async fn amend(
    app: &App,
    staff: &Staff,
    registry: RegistryId,
    id: Uuid,
    wish: Wish,
    (reason, validate_only): (String, bool),
) -> Result<Kept, Error> {
    let tenant = tenant(app, registry)?;
    let now = app.clock.now();
    let before = super::get(app, staff, registry, id).await?;
    before.proposal.amendable(staff, now)?;
    let mut draft = draft::draft(app, tenant, wish, now).await?;
    keep_ids(&before.proposal.change, &mut draft.change);
    check::change(app, registry, &draft.change, now).await?;
    let commitment = draft.restricted.as_ref().map(Restricted::commitment).transpose()?;
    let staff = staff.clone();
    let written = app.store.write("proposal.amend", registry, move |tx| {
        let kept = found(tx, id)?;
        let base = tx.subject_seq(&draft.change.subject())?;
        let proposal = kept.proposal.amend(&staff, draft.change.clone(), reason.clone(), base, tx.now)?;
        let proposal = proposal.committed(commitment.clone());
        if !validate_only {
            tx.put_revision(&proposal, draft.restricted.as_ref())?;
        }
        Ok(Kept { proposal, restricted: draft.restricted.clone(), ..kept })
    });
    Ok(written.await?.value)
}

/// What the first draft named anew keeps its name: the subject stays the same.
fn keep_ids(before: &Change, change: &mut Change) {
    match (before, change) {
        (Change::EntityRegistered(old), Change::EntityRegistered(new)) => new.entity_id = old.entity_id,
        (Change::AccreditationGranted(old), Change::AccreditationGranted(new)) => {
            new.accreditation_id = old.accreditation_id;
        }
        _ => {}
    }
}
