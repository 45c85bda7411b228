//! What was seen of one issuer bears on nobody else who takes its name.

use charter_domain::{Context, Interval, Query};
use charter_proof::{
    Ancestor, Denial,
    document::Asked,
    verify::{verify_denial_under, verify_under},
};

use super::*;
use crate::testing::{HOUR, NOW, Party, party, query};

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

/// What `here` has verified, the last on the way having stated it at `iat`.
fn verified(here: &Party, way: &[&Party], iat: i64) -> Verified {
    let (query, by) = (query(way[0]), way[way.len() - 1]);
    let links = links(way, by.states(&query, iat).sign(&by.signer).expect("signs"));
    verify_under(&links, &issuer(here, way[0]), &query, AT, AT).expect("proven")
}

/// The same of a no.
fn denied(here: &Party, way: &[&Party], reason: Reason, context: Context) -> Denied {
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
    verify_denial_under(&links, &issuer(here, way[0]), &query, AT, AT).expect("proven")
}

#[test]
fn a_statement_older_than_one_seen_on_the_same_way_is_refused() {
    let (seen, root, sector) = (Seen::default(), party("root"), party("sector"));
    seen.admit(&verified(&root, &[&sector], NOW - HOUR)).expect("the first");
    seen.admit(&verified(&root, &[&sector], NOW)).expect("a newer one");
    assert!(seen.admit(&verified(&root, &[&sector], NOW - HOUR)).is_err());
    seen.admit(&verified(&root, &[&sector], NOW - 200)).expect("somebody kept it a while");
}

/// Else a subordinate that may delegate could have a sibling refused, with newer statements under its name.
#[test]
fn who_takes_the_name_of_another_makes_none_of_its_statements_old() {
    let (seen, root, sector) = (Seen::default(), party("root"), party("sector"));
    let (liar, namesake, other) = (party("liar"), party("sector"), party("other"));
    seen.admit(&verified(&root, &[&liar, &namesake], NOW)).expect("under the liar");
    seen.admit(&verified(&other, &[&namesake], NOW)).expect("under another registry of the process");
    seen.admit(&verified(&root, &[&sector], NOW - HOUR)).expect("the sector itself");
    assert!(seen.admit(&verified(&root, &[&liar, &namesake], NOW - HOUR)).is_err(), "on its own way");
}

/// Whoever is between could else go on showing the statement of before a revocation until it expires.
#[test]
fn a_statement_of_before_a_denial_that_was_seen_is_refused() {
    let (root, nation, sector) = (party("root"), party("nation"), party("sector"));
    let way = [&nation, &sector];
    for reason in [Reason::Revoked, Reason::Suspended, Reason::Ended] {
        let seen = Seen::default();
        seen.admit(&verified(&root, &way, NOW - HOUR)).expect("nothing is known against it");
        seen.admit_denial(&denied(&root, &way, reason, Context::default())).expect("denied");
        assert!(seen.admit(&verified(&root, &way, NOW - HOUR)).is_err(), "{reason}");
        seen.admit(&verified(&root, &way, NOW)).expect("signed again since");
        seen.admit(&verified(&root, &way, NOW - 30)).expect("clocks may be apart");
    }
}

#[test]
fn a_denial_speaks_against_no_other_statement() {
    let (root, nation, sector) = (party("root"), party("nation"), party("sector"));
    let (way, seen) = ([&nation, &sector], Seen::default());
    let unlisted = denied(&root, &way, Reason::NotListed, Context::default());
    seen.admit_denial(&unlisted).expect("denied");
    seen.admit(&verified(&root, &way, NOW - HOUR)).expect("nothing was taken away");
    let conditions = [("eqf_level".to_owned(), "9".to_owned())].into();
    let elsewhere = denied(&root, &way, Reason::Revoked, Context { conditions, ..Context::default() });
    seen.admit_denial(&elsewhere).expect("denied");
    seen.admit(&verified(&root, &way, NOW - HOUR)).expect("another statement may hold without the condition");
    seen.admit_denial(&denied(&root, &way, Reason::Suspended, Context::default())).expect("denied");
    let other = party("other");
    seen.admit(&verified(&root, &[&other, &party("sector")], NOW - HOUR)).expect("by another way");
    // A suspension with an end: the statement said before that it would not be in force then, and that it is now.
    let until = Some(Timestamp::from_micros(AT.micros() + 1));
    let later = Interval { from: until, until: None };
    let resumed = Verified { leaf: lasting(&root, &way, later), ..verified(&root, &way, NOW - HOUR) };
    seen.admit(&resumed).expect("it does not claim the time of the suspension");
}

/// A statement that holds within `valid`, which need not contain the present.
fn lasting(here: &Party, way: &[&Party], valid: Interval) -> charter_proof::AuthorityStatement {
    let mut statement = verified(here, way, NOW - HOUR).leaf;
    statement.valid = vec![valid];
    statement
}
