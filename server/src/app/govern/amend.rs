//! Another draft in the place of an open proposal: by its proposer, to be approved anew.

use charter_domain::{
    RegistryId,
    event::Change,
    govern::proposal::{Proposal, check_reason},
    staff::Staff,
};
use charter_store::{proposal::Kept, request::Call, restricted::Restricted};
use uuid::Uuid;

use super::{Frame, Shown, Wish, check, draft, found};
use crate::{
    App, Error,
    app::{
        etag,
        once::{Asked, once},
    },
};

/// Drafts and checks as `propose` does; keeps the next revision unless only asked to check.
pub async fn amend(
    app: &App,
    staff: &Staff,
    registry: RegistryId,
    id: Uuid,
    (wish, reason): (Wish, String),
    asked: &Asked,
) -> Result<Shown, Error> {
    let call = asked.call(&staff.id, "AmendProposal", &(id, &wish, &reason))?;
    let fresh = amend_one(app, staff, registry, (id, wish, reason), (asked, call.clone()));
    once(app, registry, call.as_ref(), fresh).await
}

async fn amend_one(
    app: &App,
    staff: &Staff,
    registry: RegistryId,
    (id, wish, reason): (Uuid, Wish, String),
    (asked, call): (&Asked, Option<Call>),
) -> Result<Shown, Error> {
    let tenant = app.tenant(registry)?;
    let now = app.clock.now();
    let before = super::get(app, staff, registry, id).await?;
    before.proposal.amendable(staff, now)?;
    super::key_maker(staff, &wish)?;
    check_reason(&reason)?;
    let mut draft = draft::draft(app, tenant, wish, now).await?;
    keep_ids(&before.proposal.change, &mut draft.change);
    check::change(app, registry, &draft.change, now).await?;
    check::above(app, tenant, &draft.change).await?;
    match draft.private.take() {
        // It keeps the key that was made for it first.
        Some(private) if asked.validate_only || matches!(before.proposal.change, Change::KeyAdded(_)) => {
            crate::app::key::forget(tenant, private).await;
        }
        Some((kid, kept)) => app.store.keep_private(registry, kid, kept).await?,
        None => {}
    }
    let commitment = draft.restricted.as_ref().map(Restricted::commitment).transpose()?;
    let next = Proposal {
        revision: before.proposal.revision.saturating_add(1),
        change: draft.change.clone(),
        ..before.proposal.clone()
    };
    let next = Kept { proposal: next, restricted: draft.restricted.clone(), ..before };
    let frame = Frame::of(app, staff, registry, &next).await?;
    let (change, revision) = (draft.change.clone(), next.proposal.revision);
    let (staff, asked, only_try) = (staff.clone(), asked.clone(), asked.validate_only);
    let written = app.store.write_or_try("proposal.amend", registry, only_try, move |tx| {
        let kept = found(tx, id)?;
        let etag = etag::proposal(&kept, tx.now)?;
        let base = tx.subject_seq(&draft.change.subject())?;
        let proposal = kept.proposal.amend(&staff, draft.change.clone(), reason.clone(), base, tx.now)?;
        let proposal = proposal.committed(commitment.clone()).under(&tx.registry_policy()?).recordable()?;
        etag.expected(asked.etag.as_ref())?;
        tx.put_revision(&proposal, draft.restricted.as_ref())?;
        let shown = frame.show(Kept { proposal, restricted: draft.restricted.clone(), ..kept }, tx.now)?;
        tx.keep(call.as_ref(), &shown)?;
        Ok(shown)
    });
    let shown = written.await?.value;
    if !only_try {
        super::keep_diff(app, registry, &change, (id, revision)).await?;
    }
    Ok(shown)
}

/// What the first draft named anew keeps its name: the subject stays the same.
fn keep_ids(before: &Change, change: &mut Change) {
    match (before, change) {
        (Change::EntityRegistered(old), Change::EntityRegistered(new)) => new.entity_id = old.entity_id,
        (Change::AccreditationGranted(old), Change::AccreditationGranted(new)) => {
            new.accreditation_id = old.accreditation_id;
        }
        (Change::KeyAdded(old), Change::KeyAdded(new)) => {
            (new.kid, new.jwk) = (old.kid.clone(), old.jwk.clone());
        }
        _ => {}
    }
}
