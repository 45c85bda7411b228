//! What a signed statement claims, against the event in the log.
//!
//! Equal must be: registry, number, kind, action, resource, jurisdictions, conditions and the accreditation. The
//! intervals of a statement come from its event, from its accreditation, from suspensions and revocations, and from
//! renewals: all of them but renewals only take away, and a renewal only moves the end. So no interval may begin
//! before that of the event, and the instant asked about must lie inside the event's: what holds by a renewal alone is
//! in another event. Not compared is the entity's identifier: the event has the registry's own number of it.

use charter_domain::Timestamp;

use super::event::Event;
use crate::{AuthorityStatement, FaultCode};

/// The first claim that is not the event's, and why.
pub(super) fn compare(
    leaf: &AuthorityStatement,
    event: &Event,
    at: Timestamp,
) -> Result<(), (FaultCode, String)> {
    let ground = leaf.accreditation.as_ref().map(|a| a.id.as_str());
    let equal = [
        ("authority_id", leaf.authority_id == event.registry),
        ("seq", leaf.seq == event.seq),
        ("kind", leaf.kind == event.statement),
        ("action", leaf.action == event.action),
        ("resource", leaf.resource == event.resource),
        ("jurisdictions", leaf.jurisdictions == event.jurisdictions),
        ("conditions", leaf.conditions == event.conditions),
        ("accreditation", ground == event.accreditation.as_deref()),
    ];
    if let Some((name, _)) = equal.into_iter().find(|(_, same)| !same) {
        return Err(differs(format!("its {name} is not that of the event")));
    }
    if let Some(early) = leaf.valid.iter().find(|i| i.from < event.valid.from) {
        let from = early.from.map_or_else(|| "ever".to_owned(), |t| t.to_string());
        return Err(differs(format!("its valid begins at {from}, before the event's")));
    }
    if event.valid.is_before(at) {
        let until = event.valid.until.map_or_else(String::new, |t| t.to_string());
        let detail = format!("that it holds at {at} rests on a renewal; its event ends at {until}");
        return Err((FaultCode::Renewed, detail));
    }
    Ok(())
}

fn differs(detail: String) -> (FaultCode, String) {
    (FaultCode::EventDiffers, detail)
}
