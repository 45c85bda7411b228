//! Verdicts as a table, and what no history and no claim can come to.

use proptest::prelude::*;

use super::*;

const DAY: i64 = 86_400;

fn t(day: i64) -> Timestamp {
    Timestamp::from_secs(day * DAY)
}

fn key(kid: &str, from: i64, until: Option<i64>, revoked: Option<(i64, Option<i64>)>) -> Key {
    let revoked = revoked.map(|(at, since)| Revocation {
        at: t(at),
        reason: if since.is_some() { RevocationReason::Compromised } else { RevocationReason::Superseded },
        compromised_since: since.map(t),
    });
    Key {
        kid: kid.to_owned(),
        jwk: Value::Null,
        added_at: t(from - 1),
        from: t(from),
        until: until.map(t),
        revoked,
    }
}

/// Claimed on, proven on, and the verdict on day 100.
fn table(key: &Key, rows: &[(Option<i64>, Option<i64>, &str)]) {
    for (signed, existed, expected) in rows {
        let claim = Claim { signed_at: signed.map(t), existed_at: existed.map(t) };
        let said = verdict(std::slice::from_ref(key), "k", claim, t(100));
        assert_eq!(said.code(), *expected, "claimed {signed:?}, proven {existed:?}");
    }
}

#[test]
fn an_active_key_counts_from_its_beginning_on() {
    let rows = [
        (None, None, "ACCEPTED"),
        (Some(10), None, "ACCEPTED"),
        (Some(9), None, "NOT_YET_VALID"),
        (None, Some(9), "NOT_YET_VALID"),
        (Some(101), None, "CLAIMED_LATER"),
        (Some(50), Some(40), "CLAIM_REFUTED"),
        (Some(40), Some(50), "ACCEPTED"),
        (Some(40), Some(101), "ACCEPTED"),
    ];
    table(&key("k", 10, None, None), &rows);
    table(&key("k", 101, None, None), &[(None, None, "NOT_YET_VALID"), (Some(50), None, "NOT_YET_VALID")]);
    assert_eq!(verdict(&[], "k", Claim::default(), t(100)), Verdict::UnknownKey);
}

#[test]
fn an_old_time_of_a_retired_key_must_be_proven() {
    let rows = [
        (None, None, "EXPIRED"),
        (Some(60), None, "EXPIRED"),
        (Some(30), None, "EXPIRED_UNPROVEN"),
        (Some(30), Some(59), "ACCEPTED"),
        (Some(30), Some(60), "EXPIRED"),
        (Some(9), Some(30), "NOT_YET_VALID"),
        (Some(30), Some(101), "EXPIRED_UNPROVEN"),
    ];
    table(&key("k", 10, Some(60), None), &rows);
    let superseded = [
        (None, None, "REVOKED"),
        (Some(30), None, "REVOKED_UNPROVEN"),
        (Some(30), Some(59), "ACCEPTED"),
        (Some(30), Some(60), "REVOKED"),
    ];
    table(&key("k", 10, None, Some((60, None))), &superseded);
    table(&key("k", 10, Some(20), Some((60, None))), &[(Some(15), Some(30), "EXPIRED")]);
}

#[test]
fn a_compromised_key_counts_only_with_proof_from_before() {
    let rows = [
        (None, None, "COMPROMISED_UNPROVEN"),
        (Some(30), None, "COMPROMISED_UNPROVEN"),
        (Some(70), None, "COMPROMISED_UNPROVEN"),
        (Some(30), Some(39), "ACCEPTED"),
        (None, Some(39), "ACCEPTED"),
        (Some(30), Some(40), "COMPROMISED"),
        (Some(30), Some(50), "COMPROMISED"),
    ];
    table(&key("k", 10, None, Some((60, Some(40)))), &rows);
    table(&key("k", 10, Some(20), Some((60, Some(40)))), &[(Some(15), Some(30), "COMPROMISED")]);
}

proptest! {
    #[test]
    fn nothing_by_a_compromised_key_is_accepted_without_earlier_proof(
        from in 0i64..50, length in prop::option::of(1i64..80), since in 0i64..120, later in 0i64..50,
        signed in prop::option::of(0i64..150), existed in prop::option::of(0i64..150), now in 0i64..200,
    ) {
        let key = key("k", from, length.map(|l| from + l), Some((since + later, Some(since))));
        let claim = Claim { signed_at: signed.map(t), existed_at: existed.map(t) };
        if verdict(&[key], "k", claim, t(now)) == Verdict::Accepted {
            prop_assert!(existed.is_some_and(|e| e < since && e <= now));
        }
    }

    #[test]
    fn what_signs_is_in_use_and_there_is_always_one_after_what_is_allowed(
        steps in prop::collection::vec((0u8..3, 0usize..6, 0i64..30), 1..40),
    ) {
        let mut history = vec![key("0", 0, None, None)];
        for (n, (what, which, ahead)) in steps.into_iter().enumerate() {
            let now = t(10 + i64::try_from(n).expect("small"));
            let at = now.plus(std::time::Duration::from_secs(u64::try_from(ahead * DAY).expect("positive")));
            let kid = history[which % history.len()].kid.clone();
            let superseded = (kid.as_str(), RevocationReason::Superseded, None);
            let place = history.iter().position(|k| k.kid == kid).expect("there");
            match what {
                0 if may_rotate(&history, &format!("{}", n + 1), Some(at), now).is_ok() => {
                    let added = Key { from: at, added_at: now, ..key(&format!("{}", n + 1), 0, None, None) };
                    history.push(added);
                }
                1 if may_retire(&history, &kid, Some(at), now).is_ok() => history[place].until = Some(at),
                2 if may_revoke(&history, superseded, now).is_ok() => {
                    let reason = RevocationReason::Superseded;
                    history[place].revoked = Some(Revocation { at: now, reason, compromised_since: None });
                }
                _ => {}
            }
            let signs = signing(&history, now).expect("one signs");
            prop_assert!(signs.is_usable(now));
            prop_assert!(vouching(&history, now).expect("one vouches").is_usable(now));
        }
    }
}

#[test]
fn the_newest_active_key_signs_and_the_oldest_vouches() {
    let keys = [key("old", 10, None, None), key("new", 50, None, None), key("next", 150, None, None)];
    assert_eq!(signing(&keys, t(49)).map(|k| k.kid.as_str()), Some("old"));
    assert_eq!(signing(&keys, t(50)).map(|k| k.kid.as_str()), Some("new"));
    assert_eq!(vouching(&keys, t(100)).map(|k| k.kid.as_str()), Some("old"));
    let left = [key("old", 10, None, Some((60, Some(40)))), key("next", 150, None, None)];
    assert_eq!(signing(&left, t(100)).map(|k| k.kid.as_str()), Some("next"), "announced, it takes over");
}

#[test]
fn a_revocation_says_enough_and_only_grows_worse() {
    let keys = [key("a", 10, None, Some((60, None))), key("b", 10, None, None)];
    let revoke =
        |kid, reason, since: Option<i64>| may_revoke(&keys, (kid, reason, since.map(t)), t(100)).is_ok();
    use RevocationReason::{Compromised, Superseded};
    assert!(revoke("a", Compromised, Some(50)) && !revoke("a", Superseded, None));
    assert!(!revoke("b", Superseded, None), "the only one left");
    assert!(
        !revoke("a", Compromised, None)
            && !revoke("a", Compromised, Some(101))
            && !revoke("c", Superseded, None)
    );
    assert!(may_retire(&keys, "b", None, t(100)).is_err(), "the only one left");
    assert!(
        may_rotate(&keys, "c", Some(t(99)), t(100)).is_err() && may_rotate(&keys, "a", None, t(100)).is_err()
    );
    let held = |from: Option<i64>| held_down(from.map(t), t(110).since(t(100)), t(100)).is_ok();
    assert!(held(Some(110)) && held(Some(111)));
    assert!(!held(Some(109)) && !held(None), "too soon for the superior");
}
