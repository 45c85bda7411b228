//! What counts as an emergency denial: two officers, one set of bytes, a day.

use charter_signing::{Algorithm, SoftwareSigner};

use super::*;

const NOW: i64 = 1_795_176_000;

fn now() -> Timestamp {
    Timestamp::from_secs(NOW)
}

fn terms() -> Terms {
    Terms {
        authority_id: AuthorityId::parse("did:web:registry.example").expect("a DID"),
        entity_ids: vec![EntityId::parse("did:web:issuer.example").expect("an id")],
        reason: "KEY_COMPROMISE".to_owned(),
        iat: NOW,
        until: NOW + 3_600,
        jti: "018f4f4e-0000-7000-8000-000000000001".to_owned(),
    }
}

fn keys(count: usize) -> Vec<SoftwareSigner> {
    let algorithms = [Algorithm::Es256, Algorithm::EdDsa];
    (0..count).map(|n| SoftwareSigner::generate(algorithms[n % 2]).expect("a key")).collect()
}

fn officers(keys: &[SoftwareSigner]) -> JwkSet {
    JwkSet::new(keys.iter().map(|k| k.key().clone()).collect()).expect("keys")
}

fn signed(keys: &[&SoftwareSigner]) -> EmergencyDenial {
    let draft = EmergencyDenial::new(terms()).expect("a draft");
    keys.iter().fold(draft, |denial, key| denial.sign(*key).expect("signed"))
}

#[test]
fn two_different_officers_make_it_count_and_it_is_read_as_it_was_written() {
    let keys = keys(3);
    let (own, [one, two, stranger]) = (officers(&keys[..2]), [&keys[0], &keys[1], &keys[2]]);
    let good = signed(&[one, two]);
    assert_eq!(good.verify(&own, now()), Ok(()));
    assert_eq!(EmergencyDenial::parse(good.to_bytes()), Ok(good.clone()));
    assert_eq!(signed(&[one]).verify(&own, now()), Err(Refused::Unsigned(1)));
    assert_eq!(signed(&[one, stranger]).verify(&own, now()), Err(Refused::Unsigned(1)));
    assert_eq!(signed(&[]).verify(&own, now()), Err(Refused::Unsigned(0)));
    assert_eq!(signed(&[stranger, one, two]).verify(&own, now()), Ok(()), "others do no harm");
    let twice = signed(&[one]).sign(one).expect_err("one officer");
    assert!(twice.to_string().contains("twice"), "{twice}");
}

#[test]
fn a_signature_is_of_these_bytes_and_for_this_purpose() {
    let keys = keys(2);
    let own = officers(&keys);
    let good = signed(&[&keys[0], &keys[1]]);
    let text = String::from_utf8(good.to_bytes().to_vec()).expect("text");
    for (what, other) in [
        ("did:web:issuer.example", "did:web:victim.example"),
        ("did:web:registry.example", "did:web:another.example"),
        ("KEY_COMPROMISE", "FRAUD"),
        ("1795179600", "1795189600"),
    ] {
        let forged = EmergencyDenial::parse(text.replace(what, other).as_bytes()).expect("well formed");
        let refused = forged.verify(&own, now());
        assert!(matches!(refused, Err(Refused::Signature(_))), "{what}: {refused:?}");
    }
    let draft = EmergencyDenial::new(terms()).expect("a draft");
    let other = keys[0].sign("authority-denial+jwt", &draft.canonical).expect("a token");
    let signatures = vec![detached::without_payload(&other)];
    let borrowed = EmergencyDenial::build(terms(), signatures).expect("well formed");
    let refused = borrowed.sign(&keys[1]).expect("signed").verify(&own, now());
    assert!(matches!(refused, Err(Refused::Signature(_))), "{refused:?}");
}

#[test]
fn it_holds_from_a_minute_before_it_was_signed_to_its_end() {
    let keys = keys(2);
    let (own, good) = (officers(&keys), signed(&[&keys[0], &keys[1]]));
    let at = |secs| good.verify(&own, Timestamp::from_secs(secs));
    assert_eq!((at(NOW - 60), at(NOW + 3_599)), (Ok(()), Ok(())));
    assert_eq!(at(NOW - 61), Err(Refused::Early(now())));
    assert_eq!(at(NOW + 3_600), Err(Refused::Over(Timestamp::from_secs(NOW + 3_600))));
    assert_eq!(good.is_signed(&own), Ok(()));
}

#[test]
fn terms_are_bounded() {
    let id = |n: usize| EntityId::parse(&format!("did:web:e{n}.example")).expect("an id");
    let long =
        |n: usize| EntityId::parse(&format!("did:web:{}{n}.example", "a".repeat(2_025))).expect("an id");
    let cases: [fn(&mut Terms); 8] = [
        |t| t.until = t.iat,
        |t| t.until = t.iat + 86_401,
        |t| t.iat = -1,
        |t| t.entity_ids.clear(),
        |t| t.reason = "because".to_owned(),
        |t| t.reason = "A".repeat(65),
        |t| t.jti = t.jti.to_uppercase(),
        |t| t.jti = "1".to_owned(),
    ];
    for (n, change) in cases.into_iter().enumerate() {
        let mut bad = terms();
        change(&mut bad);
        assert!(EmergencyDenial::new(bad).is_err(), "case {n}");
    }
    let day = Terms { until: NOW + 86_400, ..terms() };
    assert!(EmergencyDenial::new(day).is_ok());
    for ids in [(0..9).map(id).collect::<Vec<_>>(), (0..8).map(long).collect()] {
        assert!(EmergencyDenial::new(Terms { entity_ids: ids, ..terms() }).is_err());
    }
}

#[test]
fn no_byte_of_a_file_is_ignored() {
    let keys = keys(2);
    let good = signed(&[&keys[0], &keys[1]]);
    let text = String::from_utf8(good.to_bytes().to_vec()).expect("text");
    for bad in [
        format!("{text}\n"),
        format!(" {text}"),
        text.replacen('{', "{ ", 1),
        text.replacen("{\"denial\"", "{\"more\":1,\"denial\"", 1),
        text.replacen("\"iat\":", "\"iat\":1,\"iat\":", 1),
        text.replacen("1795176000", "1795176000.0", 1),
        text.replacen("..", ".", 1),
        format!("[{text}]"),
        String::new(),
        "{}".to_owned(),
        "x".repeat(MAX_BYTES + 1),
    ] {
        assert!(EmergencyDenial::parse(bad.as_bytes()).is_err(), "{bad:.80}");
    }
}

#[test]
fn the_published_example_is_one() {
    let example = include_str!("../../../../schemas/examples/emergency-denial.json");
    let example: serde_json::Value = serde_json::from_str(example).expect("JSON");
    let file = serde_json_canonicalizer::to_vec(&example).expect("canonical");
    let denial = EmergencyDenial::parse(&file).expect("a denial");
    assert_eq!(denial.signed_by().expect("signed").len(), THRESHOLD);
}
