//! Corrections and renewals over REST: drafted as over gRPC, and of what was read alone.

use std::time::Duration;

use charter_domain::time::Clock;
use charter_proto::charter::registry::v1::{self as pb, propose_request::Change, renew::Target};
use charter_tests::{
    AUTHORITY,
    governed::{Governed, ISSUER},
};
use serde_json::{Value, json};

use crate::life::{accredit, accreditation_id, renew, state, wire};

const CHILD: &str = "did:web:child.example";
const PATH: &str = "/api/v1/proposals";

async fn drafted_alike(g: &Governed, who: &str, change: Change, member: Value) {
    let person = g.person(who);
    let over_grpc = person.asks_for(change.clone(), true).await.expect("drafted");
    let body = json!({ "reason": "as tested", "change": member, "validate_only": true });
    let missing = person.sends("POST", PATH, &body).await;
    assert_eq!(missing.problem(), (428, "ETAG_REQUIRED".to_owned()), "{member}");
    let etag = person.etag_of(&change).await.expect("read");
    let reply = person.sends_with(&[("if-match", &etag)], "POST", PATH, body.to_string()).await;
    assert_eq!(reply.status, 200, "{member} {}", reply.text());
    let read = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
    let drafted = reply.json();
    assert_eq!(drafted["change"], read(&over_grpc.change_json), "{member}");
    assert_eq!(drafted["diff"], read(&over_grpc.diff_json), "{member}");
    assert_eq!(drafted["measure"], over_grpc.measure, "{member}");
}

#[tokio::test]
async fn corrections_and_renewals_are_drafted_alike_through_both_doors() {
    let g = Governed::start_as(|b| b.registry(AUTHORITY).under(CHILD, AUTHORITY)).await;
    let now = g.app.clock.now();
    let (soon, later) = (now.plus(Duration::from_secs(3_600)), now.plus(Duration::from_secs(7_200)));
    let ground = accreditation_id(&g.decides(accredit(Some(soon))).await);
    let statement = g.decides(state("", "Diploma", Some(soon), &ground)).await.seq;
    let mut delegation = g.app.registry(AUTHORITY).delegation(&g.app.registry(CHILD), &["edu:*"]);
    delegation.registry_id.clear();
    delegation.valid_until = Some(wire(soon));
    let draft = g.person("otto").proposes(Change::Delegation(delegation)).await.expect("proposed");
    g.person("anna").approves(&draft).await.expect("approved");

    let alias = "https://alias.example/x";
    let correct = pb::CorrectEntity {
        entity_id: ISSUER.to_owned(),
        names: [("fi".to_owned(), "Yliopisto".to_owned())].into(),
        country: "SE".to_owned(),
        add_identifiers: vec![pb::ImportIdentifier { r#type: "https".to_owned(), value: alias.to_owned() }],
        end_identifiers: vec![],
    };
    let member = json!({ "correct_entity": {
        "entity_id": ISSUER, "names": { "fi": "Yliopisto" }, "country": "SE",
        "add_identifiers": [{ "type": "https", "value": alias }],
    } });
    drafted_alike(&g, "olga", Change::CorrectEntity(correct), member).await;

    let correct = pb::CorrectAccreditation {
        accreditation_id: ground.clone(),
        body: Some("Agency".to_owned()),
        valid_until: Some(wire(later)),
        ..Default::default()
    };
    let member = json!({ "correct_accreditation": {
        "accreditation_id": ground, "body": "Agency", "valid_until": later,
    } });
    drafted_alike(&g, "olga", Change::CorrectAccreditation(correct), member).await;

    let grant = pb::Grant {
        actions: vec!["issue".to_owned()],
        resources: vec!["edu:a".to_owned()],
        ..pb::Grant::default()
    };
    let names = vec![".example".to_owned(), "a.example".to_owned()];
    let correct = pb::CorrectDelegation {
        subordinate_id: CHILD.to_owned(),
        scope: vec![grant],
        max_path_length: Some(1),
        tls_spki_sha256: Some(pb::SpkiPins { sha256: vec!["0a".repeat(32)] }),
        naming_constraints: Some(pb::NamingConstraints { permitted: names.clone(), excluded: vec![] }),
        ..Default::default()
    };
    let member = json!({ "correct_delegation": {
        "subordinate_id": CHILD, "scope": [{ "actions": ["issue"], "resources": ["edu:a"] }], "max_path_length": 1,
        "tls_spki_sha256": ["0a".repeat(32)], "naming_constraints": { "permitted": names },
    } });
    drafted_alike(&g, "otto", Change::CorrectDelegation(correct), member).await;

    for (who, target, name, value) in [
        ("olga", Target::StatementId(statement), "statement_id", json!(statement)),
        ("olga", Target::AccreditationId(ground.clone()), "accreditation_id", json!(ground)),
        ("otto", Target::SubordinateId(CHILD.to_owned()), "subordinate_id", json!(CHILD)),
    ] {
        let member = json!({ "renew": { name: value, "valid_until": later } });
        drafted_alike(&g, who, renew(target, later), member).await;
    }
    let unknown = json!({ "reason": "r", "change": { "renew": { "statement_id": 1, "surprise": 1 } } });
    assert_eq!(g.person("olga").sends("POST", PATH, &unknown).await.problem().0, 400);
}
