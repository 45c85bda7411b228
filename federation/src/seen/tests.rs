//! What was seen of one issuer bears on nobody else who takes its name.

use charter_domain::{AuthorityId, Context, HttpsId, Interval, Kind, Query, Scope, SpkiPins};
use charter_proof::{
    Ancestor, AuthorityStatement, Issuer, SubordinateStatement,
    document::{Constraints, Delegated, DelegatedMetadata},
    verify::verify_under,
};
use charter_signing::{Algorithm, Signer as _, SoftwareSigner};

use super::*;

const NOW: i64 = 1_795_176_000;
const HOUR: i64 = 3_600;
const ENTITY: &str = "did:web:uni.example";

struct Party {
    id: AuthorityId,
    https: HttpsId,
    signer: SoftwareSigner,
}

fn party(name: &str) -> Party {
    Party {
        id: AuthorityId::parse(&format!("did:web:{name}.example")).expect("a DID"),
        https: HttpsId::parse(&format!("https://{name}.example")).expect("an https id"),
        signer: SoftwareSigner::generate(Algorithm::EdDsa).expect("a key"),
    }
}

fn query(way: &[&Party]) -> Query {
    let terms = (way[0].id.as_str(), ENTITY, "issue", "Degree");
    Query::parse(Kind::Authorization, terms, Context::default()).expect("a question")
}

fn statement(by: &Party, query: &Query, iat: i64) -> String {
    let document = AuthorityStatement {
        iss: by.https.clone(),
        authority_id: by.id.clone(),
        sub: query.entity.clone(),
        iat,
        exp: NOW + HOUR,
        kind: query.kind,
        action: query.action.clone(),
        resource: query.resource.clone(),
        jurisdictions: Vec::new(),
        conditions: [].into(),
        valid: vec![Interval::ALWAYS],
        accreditation: None,
        seq: 7,
    };
    document.sign(&by.signer).expect("signs")
}

fn delegation(from: &Party, to: &Party) -> String {
    let grant = r#"[{"actions":["issue"],"resources":["Degree"],"may_delegate":true}]"#;
    let trust_registry = Delegated {
        authority_id: to.id.clone(),
        scope: serde_json::from_str::<Scope>(grant).expect("a scope"),
        valid: vec![Interval::ALWAYS],
        status: "ACTIVE".to_owned(),
        tls_spki_sha256: SpkiPins::default(),
    };
    let document = SubordinateStatement {
        iss: from.https.clone(),
        sub: to.https.clone(),
        iat: NOW,
        exp: NOW + HOUR,
        jwks: to.signer.key().clone().into(),
        constraints: Constraints::default(),
        metadata: DelegatedMetadata { trust_registry },
    };
    document.sign(&from.signer).expect("signs")
}

/// What `here` has verified, the last on the way having stated it at `iat`.
fn verified(here: &Party, way: &[&Party], iat: i64) -> Verified {
    let (query, now) = (query(way), Timestamp::from_secs(NOW));
    let mut links: Vec<String> = way.windows(2).map(|two| delegation(two[0], two[1])).rev().collect();
    links.insert(0, statement(way[way.len() - 1], &query, iat));
    let top = way[0];
    let issuer = Issuer {
        above: vec![Ancestor { entity_id: here.https.clone(), authority_id: here.id.clone() }],
        ..Issuer::new(top.https.clone(), top.id.clone(), top.signer.key().clone().into())
    };
    verify_under(&links, &issuer, &query, now, now).expect("proven")
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
