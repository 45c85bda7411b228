//! What was seen of one issuer bears on nobody else who takes its name.

use charter_domain::{Context, Interval, Query, Scope};
use charter_proof::{
    Ancestor, Denial,
    document::Asked,
    verify::{verify_denial_under, verify_under},
};

use super::*;
use crate::testing::{HOUR, NOW, Party, party, query, scope};

const AT: Timestamp = Timestamp::from_secs(NOW);

fn issuer(here: &Party, top: &Party) -> Issuer {
    Issuer {
        above: vec![Ancestor { entity_id: here.https.clone(), authority_id: here.id.clone() }],
        ..Issuer::new(top.https.clone(), top.id.clone(), top.keys())
    }
}

/// The chain below `way[0]`: a leaf signed by the last, and what each says of the next.
fn links(way: &[&Party], leaf: String) -> Vec<String> {
    let mut links: Vec<String> = way.windows(2).map(|two| two[0].delegates(two[1])).rev().collect();
    links.insert(0, leaf);
    links
}

/// What `here` has verified, and the chain that it came with.
type Shown = (Verified, Vec<String>);

/// What `here` has verified, the last on the way having stated it at `iat`.
fn verified(here: &Party, way: &[&Party], iat: i64) -> Shown {
    lasting(here, way, iat, Interval::ALWAYS)
}

/// The same of a statement that holds within `valid`.
fn lasting(here: &Party, way: &[&Party], iat: i64, valid: Interval) -> Shown {
    let by = way[way.len() - 1];
    let mut statement = by.states(&query(way[0]), iat);
    statement.valid = vec![valid];
    proven(here, way, links(way, statement.sign(&by.signer).expect("signs")))
}

fn proven(here: &Party, way: &[&Party], links: Vec<String>) -> Shown {
    let verified = verify_under(&links, &issuer(here, way[0]), &query(way[0]), AT, AT).expect("proven");
    (verified, links)
}

/// What the same statement says when its end was put forward.
fn shorter() -> Interval {
    Interval { from: None, until: Some(Timestamp::from_secs(NOW + HOUR)) }
}

impl Seen {
    fn takes(&self, (verified, chain): Shown) -> Result<(), String> {
        self.admit(&verified, &chain)
    }
}

/// The same as `verified`, of a no.
fn denied(here: &Party, way: &[&Party], reason: Reason, context: Context) -> (Denied, Vec<String>) {
    let by = way[way.len() - 1];
    let query = Query { context, ..query(way[0]) };
    let denial = Denial {
        iss: by.https.clone(),
        authority_id: by.id.clone(),
        iat: NOW,
        exp: NOW + 600,
        asked: Asked { authority: by.id.clone(), ..Asked::from(&query) },
        reason,
        as_of: AT,
        valid_until: Timestamp::from_secs(NOW + 600),
        epoch: 9,
        published_size: 9,
    };
    let links = links(way, denial.sign(&by.signer).expect("signs"));
    let denied = verify_denial_under(&links, &issuer(here, way[0]), &query, AT, AT).expect("proven");
    (denied, links)
}

fn denies(seen: &Seen, (denied, chain): (Denied, Vec<String>)) {
    seen.admit_denial(&denied, &chain).expect("denied");
}

/// The attack that this is for: whoever is between shows again what was said before a change.
#[test]
fn a_statement_of_before_a_change_is_refused_on_the_same_way() {
    let (seen, root, sector) = (Seen::default(), party("root"), party("sector"));
    seen.takes(verified(&root, &[&sector], NOW - HOUR)).expect("the first");
    seen.takes(lasting(&root, &[&sector], NOW, shorter())).expect("its end was put forward");
    assert!(seen.takes(verified(&root, &[&sector], NOW - HOUR)).is_err());
    seen.takes(verified(&root, &[&sector], NOW - 200)).expect("somebody kept it a while");
    assert!(seen.takes(verified(&root, &[&sector], NOW - 301)).is_err(), "longer than anybody may keep it");
}

/// A subordinate may have kept it from before the renewal, which a superior sees first by a question that is not kept.
#[test]
fn what_was_only_renewed_since_is_not_old() {
    let (seen, root, sector) = (Seen::default(), party("root"), party("sector"));
    let at = |iat| verified(&root, &[&sector], iat);
    seen.takes(at(NOW)).expect("the renewed one");
    seen.takes(at(NOW - HOUR)).expect("it says the same");
    seen.takes(lasting(&root, &[&sector], NOW + 1, shorter())).expect("its end was put forward");
    assert!(seen.takes(at(NOW - HOUR)).is_err(), "it says something else than the newest");
    assert!(seen.takes(at(NOW - 301)).is_err(), "what was admitted before it does not count");
    seen.takes(at(NOW + 2)).expect("and back again");
    seen.takes(at(NOW - HOUR)).expect("it says what the newest does");
    let between = lasting(&root, &[&sector], NOW - HOUR, shorter());
    assert!(seen.takes(between).is_err(), "that was taken back");
}

/// Of two that were signed in one second nobody knows which is the newer.
#[test]
fn what_two_of_one_second_said_excuses_nothing_older() {
    let (seen, root, sector) = (Seen::default(), party("root"), party("sector"));
    let at = |iat, valid| lasting(&root, &[&sector], iat, valid);
    seen.takes(at(NOW, Interval::ALWAYS)).expect("one");
    seen.takes(at(NOW, shorter())).expect("the other");
    seen.takes(at(NOW, Interval::ALWAYS)).expect("the one again");
    for valid in [Interval::ALWAYS, shorter()] {
        assert!(seen.takes(at(NOW - HOUR, valid)).is_err(), "{valid:?}");
    }
    seen.takes(at(NOW + 1, shorter())).expect("a newer one");
    seen.takes(at(NOW - HOUR, shorter())).expect("it says the same");
}

/// A superior that narrowed a scope, or took a key away, is not overruled by what it signed before.
#[test]
fn a_delegation_is_held_to_the_same_rule() {
    let (root, nation, sector) = (party("root"), party("nation"), party("sector"));
    let way = [&nation, &sector];
    let leaf = sector.states(&query(&nation), NOW).sign(&sector.signer).expect("signs");
    let narrow = r#"[{"actions":["issue"],"resources":["Degree"]}]"#;
    let narrow: Scope = serde_json::from_str(narrow).expect("a scope");
    let at = |iat, scope| proven(&root, &way, vec![leaf.clone(), nation.delegates_for(&sector, scope, iat)]);
    let seen = Seen::default();
    seen.takes(at(NOW, scope())).expect("the renewed one");
    seen.takes(at(NOW - HOUR, scope())).expect("it says the same");
    seen.takes(at(NOW + 1, narrow.clone())).expect("narrowed");
    assert!(seen.takes(at(NOW - HOUR, scope())).is_err());
    seen.takes(at(NOW - HOUR, narrow)).expect("it says what the newest does");
    // The same name with another key: what was said of the old one is no renewal.
    let other = party("sector");
    let moved = other.states(&query(&nation), NOW).sign(&other.signer).expect("signs");
    let moved = vec![moved, nation.delegates_for(&other, scope(), NOW + 2)];
    seen.takes(proven(&root, &[&nation, &other], moved)).expect("another key");
    assert!(seen.takes(at(NOW - HOUR, scope())).is_err());
}

/// Else a subordinate that may delegate could have a sibling refused, with newer statements under its name.
#[test]
fn who_takes_the_name_of_another_makes_none_of_its_statements_old() {
    let (seen, root, sector) = (Seen::default(), party("root"), party("sector"));
    let (liar, namesake, other) = (party("liar"), party("sector"), party("other"));
    let newer = |here: &Party, way: &[&Party]| lasting(here, way, NOW, shorter());
    seen.takes(newer(&root, &[&liar, &namesake])).expect("under the liar");
    seen.takes(newer(&other, &[&namesake])).expect("under another registry of the process");
    seen.takes(verified(&root, &[&sector], NOW - HOUR)).expect("the sector itself");
    assert!(seen.takes(verified(&root, &[&liar, &namesake], NOW - HOUR)).is_err(), "on its own way");
}

/// Whoever is between could else go on showing the statement of before a revocation until it expires.
#[test]
fn a_statement_of_before_a_denial_that_was_seen_is_refused() {
    let (root, nation, sector) = (party("root"), party("nation"), party("sector"));
    let way = [&nation, &sector];
    for reason in [Reason::Revoked, Reason::Suspended, Reason::Ended] {
        let seen = Seen::default();
        seen.takes(verified(&root, &way, NOW - HOUR)).expect("nothing is known against it");
        denies(&seen, denied(&root, &way, reason, Context::default()));
        assert!(seen.takes(verified(&root, &way, NOW - HOUR)).is_err(), "{reason}");
        seen.takes(verified(&root, &way, NOW)).expect("signed again since");
        seen.takes(verified(&root, &way, NOW - 30)).expect("clocks may be apart");
    }
}

#[test]
fn a_denial_speaks_against_no_other_statement() {
    let (root, nation, sector) = (party("root"), party("nation"), party("sector"));
    let (way, seen) = ([&nation, &sector], Seen::default());
    let unlisted = denied(&root, &way, Reason::NotListed, Context::default());
    denies(&seen, unlisted);
    seen.takes(verified(&root, &way, NOW - HOUR)).expect("nothing was taken away");
    let conditions = [("eqf_level".to_owned(), "9".to_owned())].into();
    let elsewhere = denied(&root, &way, Reason::Revoked, Context { conditions, ..Context::default() });
    denies(&seen, elsewhere);
    seen.takes(verified(&root, &way, NOW - HOUR)).expect("another statement may hold without the condition");
    denies(&seen, denied(&root, &way, Reason::Suspended, Context::default()));
    let other = party("other");
    seen.takes(verified(&root, &[&other, &party("sector")], NOW - HOUR)).expect("by another way");
    // A suspension with an end: the statement said before that it would not be in force then, and that it is now.
    let until = Some(Timestamp::from_micros(AT.micros() + 1));
    let later = Interval { from: until, until: None };
    let (mut resumed, chain) = verified(&root, &way, NOW - HOUR);
    resumed.leaf.valid = vec![later];
    seen.admit(&resumed, &chain).expect("it does not claim the time of the suspension");
}
