//! Changes under four eyes: one drafts, others approve exactly what they saw, the last approval executes.

use charter_domain::{
    Invalid, RegistryId, Timestamp,
    event::{Change, CourtRuled, Renewed, StatusChanged},
    govern::{
        Measure,
        proposal::{Proposal, ProposalState, check_reason},
    },
    policy::{self, Action, Execute, Permit, Refusal, Right, rights},
    procedure::Ruling,
    registry::Phase,
    staff::{Staff, StaffId},
    status::{State, TargetKind},
};
use charter_signing::MacKey;
use charter_store::{
    Tx,
    document::Which,
    proposal::{Cursor, Kept, Sought},
    request::Call,
    restricted::Restricted,
};
use uuid::Uuid;

use crate::{
    App, Error,
    app::{
        document::Issuing,
        etag,
        once::{Asked, once},
        privacy,
    },
    error::Code,
};

mod amend;
mod check;
pub mod diff;
pub mod draft;
pub mod view;
pub mod wish;

pub use self::{
    amend::amend,
    draft::target,
    view::{Decided, Frame, Shown},
    wish::Wish,
};

/// Measures that change what stands above the registry.
const JOINED: &str = Measure::JoinSuperior.code();
const LEFT: &str = Measure::LeaveSuperior.code();

async fn phase(app: &App, registry: RegistryId) -> Result<Phase, Error> {
    let found = app.store.registries().await?.into_iter().find(|r| r.id == registry).map(|r| r.phase);
    found.ok_or_else(|| Error::not_found("registry", registry))
}

/// Drafts a change, checks it as its execution will, and keeps it unless only asked to check.
pub async fn propose(
    app: &App,
    staff: &Staff,
    registry: RegistryId,
    (wish, reason): (Wish, String),
    asked: &Asked,
) -> Result<Shown, Error> {
    let call = asked.call(&staff.id, "Propose", &(&wish, &reason))?;
    let fresh = draft_one(app, staff, registry, (wish, reason), (asked, call.clone()));
    once(app, registry, call.as_ref(), fresh).await
}

async fn draft_one(
    app: &App,
    staff: &Staff,
    registry: RegistryId,
    (wish, reason): (Wish, String),
    (asked, call): (&Asked, Option<Call>),
) -> Result<Shown, Error> {
    let tenant = app.tenant(registry)?;
    let now = app.clock.now();
    key_maker(staff, &wish)?;
    let draft = draft::draft(app, tenant, wish, now).await?;
    let made = draft.private.clone();
    let proposed = put(app, staff, registry, (draft, reason), (asked, call)).await;
    if let Some(private) = made.filter(|_| asked.validate_only || proposed.is_err()) {
        crate::app::key::forget(tenant, private).await;
    }
    proposed
}

async fn put(
    app: &App,
    staff: &Staff,
    registry: RegistryId,
    (draft, reason): (draft::Draft, String),
    (asked, call): (&Asked, Option<Call>),
) -> Result<Shown, Error> {
    let tenant = app.tenant(registry)?;
    let now = app.clock.now();
    let base = app.store.subject_seq(registry, draft.change.subject()).await?;
    let authority = tenant.registry.authority.clone();
    let phase = phase(app, registry).await?;
    check_reason(&reason)?;
    let proposal =
        Proposal::propose(staff, authority, phase, Uuid::now_v7(), draft.change, reason, base, now)?;
    let commitment = draft.restricted.as_ref().map(Restricted::commitment).transpose()?;
    let policy = app.store.registry_policy(registry).await?;
    let proposal = proposal.committed(commitment).under(&policy).recordable()?;
    check::change(app, registry, &proposal.change, now).await?;
    check::above(app, tenant, &proposal.change).await?;
    if let Some(etag) = etag::touched(app, registry, &proposal.change, now).await? {
        etag.expected(asked.etag.as_ref())?;
    }
    let kept =
        Kept { proposal, restricted: draft.restricted, closed_why: String::new(), seq: None, erased: None };
    let shown = view::show(app, staff, registry, kept.clone()).await?;
    if !asked.validate_only {
        if let Some((kid, kept)) = draft.private {
            app.store.keep_private(registry, kid, kept).await?;
        }
        let answer = call.map(|call| (call, shown.clone()));
        let (change, made) = (kept.proposal.change.clone(), (kept.proposal.id, kept.proposal.revision));
        app.store.put_proposal(registry, kept.proposal, kept.restricted, answer).await?;
        keep_diff(app, registry, &change, made).await?;
    }
    Ok(shown)
}

/// A key is made for those alone who may ask for one.
fn key_maker(staff: &Staff, wish: &Wish) -> Result<(), Refusal> {
    if !matches!(wish, Wish::RotateKey(_)) {
        return Ok(());
    }
    rights::role_for(staff, Right::Propose, Measure::RotateKey).ok_or(Refusal::Denied)?;
    if staff.stepped_up { Ok(()) } else { Err(Refusal::StepUpNeeded) }
}

/// What it would change is kept as it is seen now: the audit shows it when it is done.
async fn keep_diff(
    app: &App,
    registry: RegistryId,
    change: &Change,
    (id, revision): (Uuid, u32),
) -> Result<(), Error> {
    let diff = diff::of(app, registry, change, None).await?;
    Ok(app.store.put_diff(registry, (id, revision), diff).await?)
}

/// Approves what `over` names. A change that completes is executed in the same transaction, and acknowledged as
/// loading does: a negative one when no reader of this registry can answer yes any more.
pub async fn approve(
    app: &App,
    staff: &Staff,
    registry: RegistryId,
    (id, over): (Uuid, String),
    asked: &Asked,
) -> Result<Decided, Error> {
    let call = asked.call(&staff.id, "ApproveProposal", &(id, &over))?;
    let fresh = approve_one(app, staff, registry, (id, over), (asked, call.clone()));
    let done: Decided = once(app, registry, call.as_ref(), fresh).await?;
    if done.epoch > 0 {
        acknowledge(app, registry, done.epoch, done.negative).await?;
        if matches!(done.proposal.measure.as_str(), JOINED | LEFT) {
            app.tenant(registry)?.fresh_above(&app.store).await?;
            // The way up is fetched at once, and nobody waits for it here.
            app.risen.notify_one();
        }
    }
    Ok(done)
}

async fn approve_one(
    app: &App,
    staff: &Staff,
    registry: RegistryId,
    (id, over): (Uuid, String),
    (asked, call): (&Asked, Option<Call>),
) -> Result<Decided, Error> {
    let tenant = app.tenant(registry)?;
    let issuing = Issuing::new(tenant, app.config.documents.lifetime_secs);
    let kept = read(app, registry, id).await?;
    check::above(app, tenant, &kept.proposal.change).await?;
    let frame = Frame::of(app, staff, registry, &kept).await?;
    let (staff, asked, only_try) = (staff.clone(), asked.clone(), asked.validate_only);
    let erased = app.erased.clone();
    let written = app.store.write_or_try("proposal.approve", registry, only_try, move |tx| {
        let mut kept = found(tx, id)?;
        let etag = etag::proposal(&kept, tx.now)?;
        let subject = tx.subject_seq(&kept.proposal.change.subject())?;
        let step = kept.proposal.approve(&staff, registry, &over, subject, tx.now)?;
        kept.proposal.still_enough(&tx.registry_policy()?)?;
        etag.expected(asked.etag.as_ref())?;
        tx.put_approval(&kept.proposal, &step.approval)?;
        kept.proposal.approvals.push(step.approval);
        let mut epoch = 0;
        if let Some(permit) = step.execute {
            execute(tx, &permit, (&issuing, &erased), &mut kept)?;
            epoch = tx.epoch;
        }
        let negative = is_negative(&kept.proposal.change);
        let epoch = if only_try { 0 } else { epoch };
        let done = Decided { proposal: frame.show(kept, tx.now)?, epoch, negative };
        tx.keep(call.as_ref(), &done)?;
        Ok(done)
    });
    Ok(written.await?.value)
}

/// The event of an approved change, and what follows from it.
fn execute(
    tx: &mut Tx<'_>,
    permit: &Permit<Execute>,
    (issuing, erased): (&Issuing, &MacKey),
    kept: &mut Kept,
) -> Result<(), charter_store::Error> {
    check::locked(tx, &kept.proposal.change)?;
    let seq = tx.execute(permit, kept, &kept.proposal.approvals)?;
    if let (Change::StaffAppointed(_), Some(who)) = (&kept.proposal.change, &kept.restricted) {
        let text = |name: &str| who.body[name].as_str().unwrap_or_default().to_owned();
        let person = who.body["person"].as_str();
        tx.put_principal(permit, StaffId(seq), &text("issuer"), &text("subject"), person)?;
    }
    if let Change::PersonalDataErased(e) = &kept.proposal.change {
        privacy::erase(tx, permit, erased, (e.subject, seq))?;
        *kept = found(tx, kept.proposal.id)?;
    }
    sign(tx, issuing, &kept.proposal.change, seq)?;
    kept.seq = Some(seq);
    kept.proposal.state = ProposalState::Executed;
    Ok(())
}

/// Tells the readers of this process, and waits until no other process can still answer from before.
pub async fn acknowledge(app: &App, registry: RegistryId, epoch: i64, negative: bool) -> Result<(), Error> {
    let committed = tokio::time::Instant::now();
    app.changed(registry, epoch).await?;
    if negative {
        tokio::time::sleep_until(committed + app.register.hold()).await;
    }
    Ok(())
}

/// Whether a yes may have become a no.
fn is_negative(change: &Change) -> bool {
    match change {
        Change::StatusChanged(s) => s.state != State::Active,
        Change::EntityCorrected(e) => e.identifiers.is_some(),
        Change::AccreditationCorrected(a) => a.changes_validity(),
        Change::DelegationCorrected(_)
        | Change::KeyRevoked(_)
        | Change::EntityKeyRevoked(_)
        | Change::SuperiorLeft(_) => true,
        Change::CourtRuled(r) => r.ruling == Ruling::StayLifted,
        _ => false,
    }
}

fn found(tx: &mut Tx<'_>, id: Uuid) -> Result<Kept, charter_store::Error> {
    tx.proposal(id)?.ok_or_else(|| charter_store::Error::NotFound(format!("proposal `{id}`")))
}

/// Signs what an executed change is about, in its transaction.
fn sign(tx: &mut Tx<'_>, issuing: &Issuing, change: &Change, seq: i64) -> Result<(), charter_store::Error> {
    match change {
        Change::StatementMade(_) => issuing.sign(tx, &Which::These(vec![seq])).map(drop),
        Change::DelegationMade(_) => issuing.sign_delegations(tx, &[seq]).map(drop),
        Change::AccreditationCorrected(a) => {
            issuing.sign(tx, &Which::Ground(a.accreditation_id.to_string())).map(drop)
        }
        Change::DelegationCorrected(d) => issuing.sign_delegations(tx, &[d.delegation_id]).map(drop),
        Change::KeyAdded(_) | Change::KeyRetired(_) | Change::SuperiorJoined(_) | Change::SuperiorLeft(_) => {
            issuing.sign_configuration(tx)
        }
        Change::KeyRevoked(_) => issuing.sign_everything(tx),
        Change::StatusChanged(StatusChanged { target, target_id, .. })
        | Change::Renewed(Renewed { target, target_id, .. })
        | Change::CourtRuled(CourtRuled { target, target_id, .. }) => {
            sign_target(tx, issuing, *target, target_id)
        }
        _ => Ok(()),
    }
}

/// Signs what has another state now.
fn sign_target(
    tx: &mut Tx<'_>,
    issuing: &Issuing,
    target: TargetKind,
    id: &str,
) -> Result<(), charter_store::Error> {
    let number = id.parse::<i64>().unwrap_or_default();
    match target {
        TargetKind::Entity => issuing.sign(tx, &Which::Entity(id.to_owned())).map(drop),
        TargetKind::Statement => issuing.sign(tx, &Which::These(vec![number])).map(drop),
        TargetKind::Accreditation => issuing.sign(tx, &Which::Ground(id.to_owned())).map(drop),
        TargetKind::Delegation => issuing.sign_delegations(tx, &[number]).map(drop),
    }
}

/// Ends an open proposal without a change: `Refused` by one who may approve it, `Withdrawn` by who proposed it.
pub async fn end(
    app: &App,
    staff: &Staff,
    registry: RegistryId,
    id: Uuid,
    end: (ProposalState, String),
    asked: &Asked,
) -> Result<Shown, Error> {
    let call = asked.call(&staff.id, "EndProposal", &(id, &end))?;
    let fresh = end_one(app, staff, registry, (id, end), (asked, call.clone()));
    once(app, registry, call.as_ref(), fresh).await
}

async fn end_one(
    app: &App,
    staff: &Staff,
    registry: RegistryId,
    (id, (state, why)): (Uuid, (ProposalState, String)),
    (asked, call): (&Asked, Option<Call>),
) -> Result<Shown, Error> {
    let frame = Frame::of(app, staff, registry, &read(app, registry, id).await?).await?;
    let (staff, asked, only_try) = (staff.clone(), asked.clone(), asked.validate_only);
    let closed = app.store.write_or_try("proposal.end", registry, only_try, move |tx| {
        let mut kept = found(tx, id)?;
        let etag = etag::proposal(&kept, tx.now)?;
        match state {
            ProposalState::Refused => kept.proposal.refuse(&staff, &why, tx.now)?,
            _ => kept.proposal.withdraw(&staff, &why)?,
        }
        etag.expected(asked.etag.as_ref())?;
        tx.close_proposal(id, state, staff.id, &why)?;
        kept.proposal.state = state;
        kept.closed_why.clone_from(&why);
        let shown = frame.show(kept, tx.now)?;
        tx.keep(call.as_ref(), &shown)?;
        Ok(shown)
    });
    Ok(closed.await?.value)
}

pub async fn get(app: &App, staff: &Staff, registry: RegistryId, id: Uuid) -> Result<Kept, Error> {
    policy::allow(staff, Action::ReadProposals)?;
    read(app, registry, id).await
}

async fn read(app: &App, registry: RegistryId, id: Uuid) -> Result<Kept, Error> {
    app.store.proposal(registry, id).await?.ok_or_else(|| Error::not_found("proposal", id))
}

pub async fn list(
    app: &App,
    staff: &Staff,
    registry: RegistryId,
    sought: Sought,
    (after, limit): (Option<Cursor>, i64),
) -> Result<Vec<Kept>, Error> {
    policy::allow(staff, Action::ReadProposals)?;
    Ok(app.store.proposals(registry, sought, after, limit).await?)
}

/// Runs to its end even when the caller leaves: a change is acknowledged or unknown, never half told.
pub async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    let lost = |_| Error::new(Code::Internal, "an error of ours; it was logged");
    tokio::spawn(work).await.map_err(lost)?
}

/// Where a page of proposals ends, and what such an end stands for.
pub fn cursor_of(kept: &Kept) -> String {
    format!("{}|{}", kept.proposal.created_at.micros(), kept.proposal.id)
}

pub fn cursor(text: Option<&String>) -> Result<Option<Cursor>, Error> {
    let bad = || Invalid::new("page_token", "is not one that this list gave");
    let Some(text) = text else { return Ok(None) };
    let (at, id) = text.split_once('|').ok_or_else(bad)?;
    let at = at.parse().map_err(|_| bad())?;
    Ok(Some((Timestamp::from_micros(at), Uuid::parse_str(id).map_err(|_| bad())?)))
}

/// The id of a proposal as text.
pub fn id(text: &str) -> Result<Uuid, Error> {
    Uuid::parse_str(text).map_err(|_| Error {
        field: Some("proposal_id".to_owned()),
        ..Error::new(Code::Invalid, "`proposal_id` must be a UUID")
    })
}
