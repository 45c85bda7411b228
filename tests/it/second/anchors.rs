//! Versions of an anchor set, as files of a verifier: with signatures that suffice, that do not, and that are none.

use charter_domain::json::canonical;
use charter_signing::{Algorithm, Signer as _, SoftwareSigner};
use serde_json::{Value, json};

use super::{
    case::{Case, compare},
    made::Made,
};

const TYP: &str = "trust-anchors+jws";

fn bytes(value: &Value) -> Vec<u8> {
    canonical(value).expect("canonical")
}

/// The payload is left out.
fn detached(signer: &SoftwareSigner, typ: &str, payload: &[u8]) -> String {
    let token = signer.sign(typ, payload).expect("signed");
    let parts: Vec<&str> = token.split('.').collect();
    format!("{}..{}", parts[0], parts[2])
}

fn file(signed: &Value, signatures: &[String]) -> Vec<u8> {
    bytes(&json!({ "signed": signed, "signatures": signatures }))
}

fn set(signed: &Value, by: &[&SoftwareSigner]) -> Vec<u8> {
    let signatures: Vec<String> = by.iter().map(|signer| detached(signer, TYP, &bytes(signed))).collect();
    file(signed, &signatures)
}

/// The first version of three keys, of which two sign.
fn terms(made: &Made, holders: &[SoftwareSigner]) -> Value {
    let keys: Vec<Value> = holders.iter().map(|holder| holder.key().to_jwk()).collect();
    json!({
        "format": 2, "version": 1, "issued": "2026-11-20T00:00:00Z", "expires": "2027-11-20T00:00:00Z",
        "threshold": 2, "jwks": { "keys": keys }, "anchors": made.anchors()["anchors"],
    })
}

fn signatures(good: &Value, [a, b, c, x]: [&SoftwareSigner; 4]) -> Vec<(&'static str, Vec<u8>)> {
    let payload = bytes(good);
    let [one, two] = [a, b].map(|signer| detached(signer, TYP, &payload));
    let later = {
        let mut later = good.clone();
        later["version"] = json!(2);
        later["previous"] = json!("ab".repeat(32));
        later
    };
    vec![
        ("two sign", set(good, &[a, b])),
        ("all sign", set(good, &[c, b, a])),
        ("one signs", set(good, &[a])),
        ("nobody signs", set(good, &[])),
        ("a stranger signs", set(good, &[a, x])),
        ("a stranger signs too", set(good, &[a, b, x])),
        ("one signs twice", set(good, &[a, a])),
        ("one signs for another purpose", file(good, &[one.clone(), detached(b, "JWT", &payload)])),
        ("one signs something else", file(good, &[one.clone(), detached(b, TYP, b"{}")])),
        ("a whole token", file(good, &[one.clone(), b.sign(TYP, &payload).expect("signed")])),
        ("no header", file(good, &[one.clone(), "..AAAA".to_owned()])),
        ("a cut signature", file(good, &[one, two[..two.len() - 1].to_owned()])),
        ("a later version", set(&later, &[b, c])),
        ("a later version with a key that has gone", set(&later, &[b, c, x])),
        ("a later version that too few sign", set(&later, &[b, x])),
    ]
}

fn members(good: &Value, [a, b]: [&SoftwareSigner; 2]) -> Vec<(String, Vec<u8>)> {
    let change = |member: &str, value: Value| {
        let mut terms = good.clone();
        terms[member] = value.clone();
        (format!("{member} {value}"), set(&terms, &[a, b]))
    };
    let mut all = vec![
        change("format", json!(1)),
        change("format", json!(3)),
        change("version", json!(0)),
        change("version", json!(2)),
        change("version", json!("1")),
        change("previous", json!("ab".repeat(32))),
        change("threshold", json!(0)),
        change("threshold", json!(3)),
        change("threshold", json!(4)),
        change("issued", json!("2026-11-20T00:00:00.5Z")),
        change("issued", json!("2026-11-20T01:00:00+01:00")),
        change("issued", json!("2027-11-20T00:00:00Z")),
        change("expires", json!("2026-11-20T00:00:01Z")),
        change("anchors", json!([])),
        change("more", json!(1)),
    ];
    let (good, text) = (set(good, &[a, b]), String::from_utf8(set(good, &[a, b])).expect("UTF-8"));
    let value: Value = serde_json::from_slice(&good).expect("JSON");
    all.push(("indented".to_owned(), format!("{value:#}").into_bytes()));
    all.push(("with a line end".to_owned(), format!("{text}\n").into_bytes()));
    all.push((
        "a member twice".to_owned(),
        text.replace("\"format\":2", "\"format\":2,\"format\":2").into_bytes(),
    ));
    all
}

#[tokio::test]
async fn both_verifiers_agree_on_signed_anchor_sets() {
    let made = Made::new();
    let holders = [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Es256, Algorithm::EdDsa]
        .map(|kind| SoftwareSigner::generate(kind).expect("a key"));
    let [a, b, c, x] = [0, 1, 2, 3].map(|n| &holders[n]);
    let (base, good) = (made.case(""), terms(&made, &holders[..3]));
    let signed = signatures(&good, [a, b, c, x]).into_iter().map(|(name, set)| (name.to_owned(), set));
    let case = |(name, set): (String, Vec<u8>)| base.with(name, |case| case.anchors = set);
    let cases: Vec<Case> = signed.chain(members(&good, [a, b])).map(case).collect();
    let agreed = compare("anchors", &cases).await;
    assert_eq!((agreed.cases, agreed.accepted), (33, 4));
}
