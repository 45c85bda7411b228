//! Terms that nobody knows: 404 or false, never a yes, and the same for all.

use std::collections::BTreeSet;

use super::answers;
use crate::conformance::{
    catalogue::Check,
    probe::{Answered, Probe},
    question::Question,
    wire::{Ask, Exchange},
};

pub async fn check(probe: &mut Probe<'_>) {
    let checks = [
        Check::UnknownEntity,
        Check::UnknownAuthority,
        Check::UnknownAction,
        Check::UnknownResource,
        Check::UnknownAlike,
    ];
    let Some(Answered { question, .. }) = probe.some(&checks) else { return };
    let name = || "urn:uuid:5f0c2c0e-6b1d-4a52-9d59-3f1f6a0d7c11".to_owned();
    let did = || "did:web:conformance.invalid".to_owned();
    let asked = [
        (Check::UnknownEntity, Question { entity: did(), ..question.clone() }),
        (Check::UnknownAuthority, Question { authority: did(), ..question.clone() }),
        (Check::UnknownAction, Question { action: name(), ..question.clone() }),
        (Check::UnknownResource, Question { resource: name(), ..question }),
    ];
    let (mut statuses, mut last) = (BTreeSet::new(), Exchange::default());
    for (check, question) in asked {
        let seen = probe.send(&Ask::question(&question)).await;
        let judged = match &seen.reply {
            Ok(reply) => {
                statuses.insert(reply.status);
                answers::unknown(question.kind, reply)
            }
            Err(fault) => Err(format!("no answer: {fault}")),
        };
        last = seen.exchange.clone();
        probe.note(check, judged, seen.exchange);
    }
    let alike = match statuses.len() {
        0 | 1 => Ok(()),
        _ => Err(format!("unknown terms are answered with {statuses:?}")),
    };
    probe.note(Check::UnknownAlike, alike, last);
}
