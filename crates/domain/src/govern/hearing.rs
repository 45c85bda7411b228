//! Whether somebody may lose something: heard first, or the time to reply over, or with a reason not to be heard.

use std::time::Duration;

use crate::{
    Timestamp,
    event::{CourtRuled, ProcedureHeard, ProcedureOpened, StatusChanged},
    govern::lifecycle::{GRACE, require},
    policy::Refusal,
    procedure::{Decision, Procedure, ProcedureState, Ruling, Waiver},
    registry_policy::{Hearing, RegistryPolicy},
    status::{Reach, State, Status, TargetKind, state_at},
};

/// A suspension or revocation of anything but a delegation, for good: those have a hearing.
const fn is_heard(change: &StatusChanged) -> bool {
    matches!(change.state, State::Suspended | State::Revoked)
        && !matches!(change.target, TargetKind::Delegation)
        && change.lapses_at.is_none()
}

/// Whether `change` may be decided. `procedure` is the one that it names, `current` the states of its target.
pub fn decision(
    change: &StatusChanged,
    policy: &RegistryPolicy,
    procedure: Option<&Procedure>,
    current: &[Status],
    now: Timestamp,
) -> Result<(), Refusal> {
    if !is_heard(change) {
        // A waiver may be given where none is needed: for a delegation.
        let negative = matches!(change.state, State::Suspended | State::Revoked);
        let said = change.procedure.is_some() || (change.hearing_waived.is_some() && !negative);
        let text =
            "only a suspension or revocation has a hearing: leave `procedure` and `hearing_waived` out";
        return require(!said, || text.to_owned());
    }
    match (procedure, change.hearing_waived) {
        (Some(_), Some(_)) => Err(Refusal::illegal("give `procedure` or `hearing_waived`, not both")),
        (Some(procedure), None) => follows(change, procedure, now),
        (None, Some(waiver)) => waived(change, waiver, current, now),
        (None, None) => require(policy.hearing == Hearing::NotRequired, || {
            "its holder is heard first: open a procedure and name it in `procedure` once it was heard or the time to \
             reply is over, or give a reason in `hearing_waived` with its `legal_basis`"
                .to_owned()
        }),
    }
}

fn founded(change: &StatusChanged) -> Result<(), Refusal> {
    let founded = change.legal_basis.as_ref().is_some_and(|basis| !basis.trim().is_empty());
    require(founded, || "it needs a legal basis: state it in `legal_basis`".to_owned())
}

fn waived(change: &StatusChanged, waiver: Waiver, current: &[Status], now: Timestamp) -> Result<(), Refusal> {
    founded(change)?;
    if waiver != Waiver::ConfirmsEmergency {
        return Ok(());
    }
    let at = change.starts(now);
    let lapses = |s: &&Status| s.effective.until.is_some() && s.effective.from <= Some(at);
    let emergency = current.iter().filter(|s| s.state == State::Suspended).find(lapses);
    let runs = emergency.is_some_and(|s| s.effective.until >= Some(at));
    require(runs && change.state == State::Suspended, || {
        "CONFIRMS_EMERGENCY is for a suspension of what is suspended until it lapses: give another reason"
            .to_owned()
    })
}

/// The decision at the end of a procedure: no graver than was notified, and with all that an appeal needs.
fn follows(change: &StatusChanged, procedure: &Procedure, now: Timestamp) -> Result<(), Refusal> {
    let opened = &procedure.opened;
    let same = opened.target == change.target && opened.target_id == change.target_id;
    require(same, || format!("procedure {} is about something else: name another", procedure.id))?;
    let state = procedure.state_at(now);
    let ready = matches!(state, ProcedureState::Heard | ProcedureState::HearingLapsed);
    require(ready, || match state {
        ProcedureState::Notified => {
            format!("its holder may reply until {}: record the reply, or wait", opened.reply_by)
        }
        _ => format!("procedure {} is {}: open another", procedure.id, state.code()),
    })?;
    let milder = gravity(change.state, change.reach) <= gravity(opened.state, opened.reach);
    require(milder, || "it is graver than what was notified: open a procedure for that".to_owned())?;
    founded(change)?;
    let appeal = change.appeal.as_ref().is_some_and(|text| !text.trim().is_empty());
    require(appeal, || "say how to appeal in `appeal`".to_owned())?;
    let served = change.served_on.ok_or_else(|| Refusal::illegal("say in `served_on` when it is served"))?;
    let until =
        change.appeal_by.ok_or_else(|| Refusal::illegal("say in `appeal_by` until when to appeal"))?;
    require(until > served, || "`appeal_by` must be later than `served_on`".to_owned())
}

fn gravity(state: State, reach: Option<Reach>) -> (State, u8) {
    let back = match reach.unwrap_or(Reach::Prospective) {
        Reach::Prospective => 0,
        Reach::From => 1,
        Reach::AbInitio => 2,
    };
    (state, back)
}

/// Whether a procedure may be opened; `drafted` when it is first proposed.
pub fn open(
    opened: &ProcedureOpened,
    policy: &RegistryPolicy,
    current: &[Status],
    (drafted, now): (bool, Timestamp),
) -> Result<(), Refusal> {
    let negative = matches!(opened.state, State::Suspended | State::Revoked);
    require(negative && opened.target != TargetKind::Delegation, || {
        "a procedure is for suspending or revoking an entity, accreditation or statement".to_owned()
    })?;
    let back = opened.reach.is_some_and(|reach| reach != Reach::Prospective);
    require(!back || opened.state == State::Revoked, || "only a revocation may reach back".to_owned())?;
    require(!opened.legal_basis.trim().is_empty(), || {
        "state the `legal_basis` of what is intended".to_owned()
    })?;
    require(state_at(current, now) != State::Revoked, || "it is REVOKED already".to_owned())?;
    require(opened.reply_by > now, || "`reply_by` is over: give a later one".to_owned())?;
    // Dated back, a notice would leave less time than it says.
    let least = Duration::from_secs(u64::from(policy.reply_days) * 86_400);
    let earliest = opened.served_on.max(now.minus(GRACE)).plus(least);
    require(!drafted || opened.reply_by >= earliest, || {
        format!("`reply_by` must leave {} days for a reply: {earliest} or later", policy.reply_days)
    })
}

pub fn heard(heard: &ProcedureHeard, procedure: &Procedure, now: Timestamp) -> Result<(), Refusal> {
    undecided(procedure, now)?;
    let between = heard.received_on >= procedure.opened.served_on && heard.received_on <= now.plus(GRACE);
    require(between, || "`received_on` must lie between the service of the notice and now".to_owned())
}

/// Whether it may still be closed, or lead to a measure.
pub fn undecided(procedure: &Procedure, now: Timestamp) -> Result<(), Refusal> {
    let state = procedure.state_at(now);
    require(state.is_undecided(), || format!("procedure {} is {}: open another", procedure.id, state.code()))
}

/// Whether a ruling may follow those before it. A stay may begin at any instant that the court names.
pub fn ruling(ruled: &CourtRuled, decision: &Decision, now: Timestamp) -> Result<(), Refusal> {
    require(decision.change.state != State::Active, || {
        format!("event {} took nothing from anybody: name the decision", decision.seq)
    })?;
    let last = decision.rulings.last().map(|(_, r)| r.ruling);
    let (allowed, needs) = match ruled.ruling {
        Ruling::Stayed => {
            (matches!(last, None | Some(Ruling::StayLifted)), "is stayed or overturned already")
        }
        Ruling::StayLifted => (last == Some(Ruling::Stayed), "is not stayed"),
        Ruling::Overturned => (last != Some(Ruling::Overturned), "is overturned already"),
    };
    require(allowed, || format!("decision {} {needs}", decision.seq))?;
    let prospective = ruled.ruling != Ruling::StayLifted || ruled.from >= now.minus(GRACE);
    require(prospective, || "a stay is not lifted for the past: give a later `from`".to_owned())
}

#[cfg(test)]
mod tests;
