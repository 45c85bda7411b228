//! The message by which a peer is asked, and its answer.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};

use charter_domain::{AuthorityId, EvidenceLevel, FailingLink, Kind, Query, Reason, Timestamp};
use charter_proto::charter::federation::v1::{self as pb, QueryKind, ResolveMode};

use super::words;
use crate::{
    answer::{Answer, Basis, Referral, Step, UNHEARD},
    budget::Budget,
};

/// Characters of a peer's own words about an answer.
const MAX_DETAIL: usize = 500;
/// Conditions that an answer says were not stated, and characters of each.
const MAX_CONDITIONS: usize = 64;
/// Subordinates that an answer refers to, and characters of where they are.
const MAX_REFERRALS: usize = 8;
const MAX_ENDPOINT: usize = 2_048;

pub(super) fn encode(
    authority: &AuthorityId,
    query: &Query,
    budget: &Budget,
    deadline: Timestamp,
) -> pb::ResolveRequest {
    let kind = match query.kind {
        Kind::Authorization => QueryKind::Authorization,
        Kind::Recognition => QueryKind::Recognition,
    };
    let since_1970 = Duration::from_micros(deadline.micros().unsigned_abs());
    pb::ResolveRequest {
        registry_id: authority.to_string(),
        kind: kind.into(),
        // Asked of us as a whole: what is below us answers under its own name.
        authority_id: query.authority.to_string(),
        entity_id: query.entity.to_string(),
        action: query.action.to_string(),
        resource: query.resource.to_string(),
        context: context(query),
        mode: ResolveMode::Recurse.into(),
        depth_left: Some(budget.depth_left.into()),
        queries_left: Some(budget.queries_left),
        deadline: Some((SystemTime::UNIX_EPOCH + since_1970).into()),
        visited: budget.visited.iter().map(ToString::to_string).collect(),
        max_staleness_secs: 0,
        min_epoch: 0,
    }
}

fn context(query: &Query) -> HashMap<String, String> {
    let c = &query.context;
    let mut members: HashMap<String, String> =
        c.conditions.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
    let own = [
        ("time", c.time.map(|t| t.to_string())),
        ("locator", c.locator.as_ref().map(ToString::to_string)),
        ("jurisdiction", c.jurisdiction.as_ref().map(|j| j.as_str().to_owned())),
        // Epochs are numbers of one registry: `known_at` is not passed on. Nor is `follow_recognition`: one hop.
        ("evidence", (c.evidence != EvidenceLevel::None).then(|| "chain".to_owned())),
    ];
    members.extend(own.into_iter().filter_map(|(k, v)| Some((k.to_owned(), v?))));
    members
}

pub(super) fn time(t: Option<prost_types::Timestamp>) -> Option<Timestamp> {
    t.map(|t| {
        Timestamp::from_micros(t.seconds.saturating_mul(1_000_000).saturating_add(i64::from(t.nanos) / 1_000))
    })
}

pub(super) fn decode(reply: pb::ResolveResponse) -> Result<Answer, String> {
    if reply.stale {
        return Err("a stale answer, which was not asked for".to_owned());
    }
    let authority = |text: &str| AuthorityId::parse(text).map_err(|e| e.to_string());
    let reason = |code: &str| Reason::parse(code).ok_or_else(|| format!("unknown reason `{code:.64}`"));
    let outcome = reason(&reply.reason)?;
    let step = |s: pb::ResolveStep| {
        Ok(Step {
            authority: authority(&s.authority_id)?,
            // Every registry has an event: whoever says of one that it is nowhere has not heard it.
            epoch: if s.epoch > 0 { s.epoch } else { UNHEARD },
            reason: reason(&s.reason)?,
            via: s.via.iter().map(|v| authority(v)).collect::<Result<_, String>>()?,
            published: s.published_size,
        })
    };
    let referral = |r: pb::Referral| {
        Ok::<_, String>(Referral {
            authority: authority(&r.authority_id)?,
            endpoint: words(&r.endpoint, MAX_ENDPOINT),
            document: Some(r.subordinate_statement).filter(|d| !d.is_empty()),
        })
    };
    let failing = |f: pb::FailingLink| {
        let index = u8::try_from(f.index).map_err(|e| e.to_string())?;
        Ok::<_, String>(FailingLink { index, authority_id: authority(&f.authority_id)? })
    };
    Ok(Answer {
        reason: outcome,
        // Seen from here, whatever it was there.
        basis: Basis::Delegated,
        decided_by: authority(&reply.decided_by)?,
        chain: reply.chain,
        path: reply.path.into_iter().map(step).collect::<Result<_, String>>()?,
        as_of: time(reply.as_of).ok_or("no time")?,
        next_change: time(reply.next_change),
        expires_at: time(reply.expires_at).ok_or("no expiry")?,
        unstated: reply
            .unstated_conditions
            .iter()
            .take(MAX_CONDITIONS)
            .map(|c| words(c, MAX_CONDITIONS))
            .collect(),
        detail: words(&reply.detail, MAX_DETAIL),
        failing: reply.failing_link.map(failing).transpose()?,
        referrals: reply
            .referrals
            .into_iter()
            .take(MAX_REFERRALS)
            .map(referral)
            .collect::<Result<_, String>>()?,
        spared: Vec::new(),
        unlisted: reply.unlisted,
        outside: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_peer_says_in_words_is_short_and_steers_no_terminal() {
        let time = Some(prost_types::Timestamp { seconds: 1, nanos: 0 });
        let authority_id = "did:web:a.example".to_owned();
        let step = |epoch| pb::ResolveStep {
            authority_id: authority_id.clone(),
            epoch,
            reason: "ACTIVE".to_owned(),
            ..pb::ResolveStep::default()
        };
        let read = decode(pb::ResolveResponse {
            reason: "UNVERIFIABLE".to_owned(),
            decided_by: authority_id.clone(),
            path: [7, 0, -9].map(step).to_vec(),
            as_of: time,
            expires_at: time,
            unstated_conditions: vec!["x".repeat(100); 100],
            detail: format!("\u{1b}[2Jgone{}", "!".repeat(1_000)),
            ..pb::ResolveResponse::default()
        });
        let read = read.expect("understood");
        assert!(read.detail.starts_with("[2Jgone") && read.detail.len() == MAX_DETAIL, "{}", read.detail);
        assert_eq!(read.unstated, vec!["x".repeat(MAX_CONDITIONS); MAX_CONDITIONS]);
        let epochs: Vec<i64> = read.path.iter().map(|step| step.epoch).collect();
        assert_eq!(epochs, [7, UNHEARD, UNHEARD], "an epoch that no registry has was not heard");
    }
}
