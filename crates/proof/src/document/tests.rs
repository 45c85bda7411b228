//! Documents: round trips and strictness.

use charter_domain::Reason;
use charter_signing::{Algorithm, Signer as _, SoftwareSigner};
use serde_json::{Value, json};

use super::*;
use crate::testing::Federation;

fn payload(token: &str) -> Value {
    serde_json::from_slice(&jws::peek(token).expect("three parts")).expect("JSON")
}

#[test]
fn each_document_reads_back_what_was_signed() {
    let f = Federation::new();
    let [leaf, agency, _, root] = &f.links()[..] else { panic!("four links") };
    assert_eq!(AuthorityStatement::parse_verified(leaf, &f.agency.jwks()).as_ref(), Ok(&f.leaf));
    assert_eq!(SubordinateStatement::parse_verified(agency, &f.ministry.jwks()).as_ref(), Ok(&f.to_agency));
    assert_eq!(EntityConfiguration::parse_verified(root, &f.root.jwks()).as_ref(), Ok(&f.configuration));
    // The two entity statements share a type, and must still not pass for each other.
    assert!(SubordinateStatement::parse_verified(root, &f.root.jwks()).is_err());
    assert!(EntityConfiguration::parse_verified(agency, &f.ministry.jwks()).is_err());
    assert!(AuthorityStatement::parse_verified(agency, &f.ministry.jwks()).is_err());
}

#[test]
fn the_claims_have_the_names_of_the_standard() {
    let f = Federation::new();
    let leaf = payload(&f.links()[0]);
    assert_eq!(leaf["valid"], json!([{"from": "2022-01-01T00:00:00Z", "until": "2028-01-01T00:00:00Z"}]));
    assert_eq!(leaf["kind"], "authorization");
    assert!(leaf["iat"].is_i64());
    let agency = payload(&f.links()[1]);
    assert_eq!(agency["metadata"]["trust_registry"]["authority_id"], "did:web:agency.example");
    let root = payload(&f.links()[3]);
    assert!(root.get("authority_hints").is_none());
}

#[test]
fn claims_that_are_more_less_or_other_are_refused() {
    let signer = SoftwareSigner::generate(Algorithm::Es256).expect("a key");
    let keys = JwkSet::from(signer.key().clone());
    let good = serde_json::to_string(&Federation::new().leaf).expect("JSON");
    let read = |claims: &str| {
        let token = signer.sign(AUTHORITY_STATEMENT, claims.as_bytes()).expect("signs");
        AuthorityStatement::parse_verified(&token, &keys)
    };
    assert!(read(&good).is_ok());
    for (from, to) in [
        ("{\"iss\"", "{\"more\":1,\"iss\""),
        ("{\"iss\"", "{\"iss\":\"https://evil.example\",\"iss\""),
        ("\"conditions\":{}", "\"conditions\":{\"a\":[\"1\"],\"a\":[\"2\"]}"),
        ("\"conditions\":{},", ""),
        ("\"seq\":7", "\"seq\":7.0"),
        ("\"seq\":7", "\"seq\":\"7\""),
        ("\"seq\":7", "\"seq\":0"),
        ("\"seq\":7", "\"seq\":7,\"accreditation\":null"),
        ("\"exp\":", "\"exp\":1,\"iat2\":"),
        ("\"exp\":1", "\"exp\":0"),
        ("\"authorization\"", "\"anything\""),
        ("https://agency", "http://agency"),
        ("did:web:agency", "web:agency"),
        ("2028-01-01", "2028-13-01"),
    ] {
        assert!(good.contains(from), "{from}");
        assert!(read(&good.replacen(from, to, 1)).is_err(), "{from} -> {to}");
    }
}

#[test]
fn nothing_is_signed_that_would_not_be_accepted() {
    let mut f = Federation::new();
    f.leaf.exp = f.leaf.iat;
    assert!(f.leaf.sign(&f.agency.signer).is_err());
    f.to_agency.sub = f.to_agency.iss.clone();
    assert!(f.to_agency.sign(&f.ministry.signer).is_err());
    f.to_ministry.metadata.trust_registry.scope.0.clear();
    assert!(f.to_ministry.sign(&f.root.signer).is_err());
    f.configuration.authority_hints = Some(Vec::new());
    assert!(f.configuration.sign(&f.root.signer).is_err());
}

#[test]
fn a_denial_reads_back_and_says_no_more_than_it_may() {
    let f = Federation::new();
    let good = f.agency.denies(&f.query, Reason::Revoked);
    let token = good.sign(&f.agency.signer).expect("signs");
    assert_eq!(Denial::parse_verified(&token, &f.agency.jwks()).as_ref(), Ok(&good));
    assert!(AuthorityStatement::parse_verified(&token, &f.agency.jwks()).is_err());
    let said = payload(&token);
    assert_eq!(said["reason"], "REVOKED");
    assert_eq!(said["asked"].get("time"), None);
    let long = i64::try_from(MAX_LIFE.as_secs()).expect("seconds") + 1;
    let cases: [fn(&mut Denial, i64); 8] = [
        |d, _| d.reason = Reason::Active,
        |d, _| d.reason = Reason::Unverifiable,
        |d, _| d.exp -= 1,
        |d, long| (d.exp, d.valid_until) = (d.iat + long, instant(d.iat + long)),
        |d, _| d.asked.time = Some(instant(7)),
        |d, _| d.epoch = -1,
        |d, _| d.published_size = d.epoch + 1,
        |d, _| d.asked.conditions = (0..33).map(|n| (n.to_string(), String::new())).collect(),
    ];
    for (n, change) in cases.into_iter().enumerate() {
        let mut bad = good.clone();
        change(&mut bad, long);
        assert!(bad.sign(&f.agency.signer).is_err(), "case {n}");
    }
}

#[test]
fn the_published_example_of_a_denial_is_one() {
    let example = include_str!("../../../../schemas/examples/authority-denial.json");
    let (signer, iss) =
        (SoftwareSigner::generate(Algorithm::Es256).expect("a key"), "education.trust.fi.example");
    let token = signer.sign(AUTHORITY_DENIAL, example.as_bytes()).expect("signs");
    let denial = Denial::parse_verified(&token, &signer.key().clone().into()).expect("a denial");
    assert_eq!((denial.iss.as_str(), denial.reason), (format!("https://{iss}").as_str(), Reason::Revoked));
}

#[test]
fn the_expiry_of_a_denial_is_rounded_up() {
    let at = |micros| Denial::expiry(Timestamp::from_micros(micros));
    assert_eq!((at(0), at(1), at(1_000_000), at(1_000_001)), (0, 1, 1, 2));
}

fn logged() -> Federation {
    let mut f = Federation::new();
    let (origin, name) = ("root.example/log".to_owned(), "root.example/witness".to_owned());
    let witness = Witness {
        vkey: format!("{name}+5b9a15b4+BAVn3dsMpVQFVh3m0BzLyAsOXzHBuTISLlTvVKWBbvsw"),
        url: "https://root.example/witness".to_owned(),
        name,
    };
    f.configuration.metadata.trust_registry.log = Some(Log {
        vkey: format!("{origin}+5b9a15b4+AQVn3dsMpVQFVh3m0BzLyAsOXzHBuTISLlTvVKWBbvsw"),
        url: "https://root.example/log".to_owned(),
        origin,
        witness: Some(witness),
    });
    f
}

#[test]
fn a_configuration_names_its_log_or_has_none() {
    let (mut f, keys) = (logged(), |f: &Federation| f.root.jwks());
    let token = f.configuration.sign(&f.root.signer).expect("signs");
    assert_eq!(EntityConfiguration::parse_verified(&token, &keys(&f)).as_ref(), Ok(&f.configuration));
    let log = &payload(&token)["metadata"]["trust_registry"]["log"];
    assert_eq!(log["origin"], "root.example/log");
    assert_eq!(log["witness"]["name"], "root.example/witness");
    f.configuration.metadata.trust_registry.log = None;
    let token = f.configuration.sign(&f.root.signer).expect("signs");
    assert!(payload(&token)["metadata"]["trust_registry"].get("log").is_none());
}

#[test]
fn a_log_under_another_name_or_with_control_characters_is_not_stated() {
    let cases: [fn(&mut Log); 6] = [
        |log| log.origin = "other.example/log".to_owned(),
        |log| log.origin.clear(),
        |log| log.url = "https://root.example/\nlog".to_owned(),
        |log| log.url = "x".repeat(2_113),
        |log| log.vkey = log.origin.clone(),
        |log| {
            if let Some(witness) = &mut log.witness {
                witness.name = "other.example/witness".to_owned();
            }
        },
    ];
    for (n, change) in cases.into_iter().enumerate() {
        let mut f = logged();
        change(f.configuration.metadata.trust_registry.log.as_mut().expect("a log"));
        assert!(f.configuration.sign(&f.root.signer).is_err(), "case {n}");
    }
}
