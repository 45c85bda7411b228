//! Corrections, renewals, and when a grant begins: in a sealed registry, through the doors.

use std::time::Duration;

use charter_domain::{Timestamp, time::Clock};
use charter_proto::charter::registry::v1::{
    self as pb, change_status::Target, propose_request::Change,
    registry_service_client::RegistryServiceClient,
};
use charter_proto::trqp::v2::trust_registry_query_service_client::TrustRegistryQueryServiceClient;
use charter_tests::{
    ask::request,
    governed::{Governed, ISSUER, status},
};
use serde_json::{Value, json};

use crate::governance::said;

const HOUR: Duration = Duration::from_secs(3_600);
const ALIAS: &str = "https://alias.example/x";

pub fn wire(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: at.secs(), nanos: 0 }
}

fn correct(change: impl FnOnce(&mut pb::CorrectEntity)) -> Change {
    let mut correct = pb::CorrectEntity { entity_id: ISSUER.to_owned(), ..pb::CorrectEntity::default() };
    change(&mut correct);
    Change::CorrectEntity(correct)
}

fn alias() -> Change {
    let alias = pb::ImportIdentifier { r#type: "https".to_owned(), value: ALIAS.to_owned() };
    correct(|c| c.add_identifiers.push(alias))
}

/// A change of state of what another target names.
pub fn state_of(target: Target, state: &str) -> Change {
    let mut change = status(ISSUER, state);
    if let Change::ChangeStatus(c) = &mut change {
        c.target = Some(target);
    }
    change
}

pub fn accredit(until: Option<Timestamp>) -> Change {
    let valid_until = until.map_or_else(String::new, |t| t.to_string());
    let accreditation =
        pb::ImportAccreditation { body: "Ministry".to_owned(), valid_until, ..Default::default() };
    let accreditation = Some(accreditation);
    Change::GrantAccreditation(pb::GrantAccreditation { entity_id: ISSUER.to_owned(), accreditation })
}

/// `kind` is empty for an authorization.
pub fn state(kind: &str, resource: &str, until: Option<Timestamp>, accreditation_id: &str) -> Change {
    let authorization = pb::ImportAuthorization {
        kind: kind.to_owned(),
        action: "issue".to_owned(),
        resource: resource.to_owned(),
        valid_until: until.map_or_else(String::new, |t| t.to_string()),
        ..pb::ImportAuthorization::default()
    };
    Change::MakeStatement(pb::MakeStatement {
        entity_id: ISSUER.to_owned(),
        authorization: Some(authorization),
        accreditation_id: accreditation_id.to_owned(),
    })
}

pub fn renew(target: pb::renew::Target, until: Timestamp) -> Change {
    Change::Renew(pb::Renew { target: Some(target), valid_until: Some(wire(until)) })
}

pub fn accreditation_id(granted: &pb::Proposal) -> String {
    let change: Value = serde_json::from_str(&granted.change_json).expect("JSON");
    change["data"]["accreditation_id"].as_str().expect("an id").to_owned()
}

async fn entity(g: &Governed, id: &str) -> pb::Entity {
    let mut client = RegistryServiceClient::new(g.app.channel());
    let request = pb::GetEntityRequest { entity_id: id.to_owned(), ..Default::default() };
    client.get_entity(request).await.expect("one").into_inner().entity.expect("one")
}

async fn refused(g: &Governed, change: Change) -> String {
    said(&g.person("olga").proposes(change).await.expect_err("refused"))
}

async fn rebuilds(g: &Governed) {
    let url = g.app.database.url("charter_owner");
    let all = tokio::task::spawn_blocking(move || charter_store::rebuild::run(&url, true));
    for one in all.await.expect("no panic").expect("rebuilt") {
        assert_eq!((one.differing, one.fault), (Vec::new(), None));
    }
}

#[tokio::test]
async fn an_entity_is_corrected_and_what_was_known_before_stays_known() {
    let g = Governed::start().await;
    let names = correct(|c| {
        c.names = [("fi".to_owned(), "Yliopisto".to_owned()), ("en".to_owned(), String::new())].into();
        c.country = "SE".to_owned();
    });
    let draft = g.person("olga").proposes(names.clone()).await.expect("proposed");
    assert_eq!((draft.measure.as_str(), draft.quorum), ("CORRECT", 2));
    let diff: Value = serde_json::from_str(&draft.diff_json).expect("JSON");
    assert_eq!(diff["country"], json!({ "from": "FI", "to": "SE" }));
    assert_eq!(diff["names"]["to"], json!({ "fi": "Yliopisto" }));
    assert!(diff["names"]["from"]["en"].is_string() && diff.get("entity_id").is_none(), "{diff}");
    g.person("anna").approves(&draft).await.expect("approved");
    let corrected = entity(&g, ISSUER).await;
    assert_eq!((corrected.country.as_str(), corrected.names.len()), ("SE", 1));
    assert_eq!(refused(&g, names).await, "409 ILLEGAL_TRANSITION", "it is so already");

    let draft = g.person("olga").proposes(alias()).await.expect("proposed");
    assert_eq!((draft.measure.as_str(), draft.quorum), ("CORRECT_BACK", 3), "identifiers take three");
    assert_eq!(g.person("anna").approves(&draft).await.expect("approved").state, "OPEN");
    assert_eq!(g.app.anonymous().asks(ALIAS, "issue", "Degree").both().await.line(), "404 UNKNOWN_ENTITY");
    let added = g.person("arvo").approves(&draft).await.expect("approved");
    let asking = g.app.anonymous().asks(ALIAS, "issue", "Degree");
    assert_eq!(asking.both().await.line(), "200 yes ACTIVE");
    let before = asking.clone().with("known_at", &(added.seq - 1).to_string());
    assert_eq!(before.both().await.line(), "404 UNKNOWN_ENTITY", "as it was held then");

    let ended = g.decides(correct(|c| c.end_identifiers.push(ALIAS.to_owned()))).await;
    assert_eq!(asking.both().await.line(), "404 UNKNOWN_ENTITY");
    let before = asking.with("known_at", &(ended.seq - 1).to_string());
    assert_eq!(before.both().await.line(), "200 yes ACTIVE", "as it was held then");
    assert_eq!(g.app.anonymous().asks(ISSUER, "issue", "Degree").both().await.line(), "200 yes ACTIVE");
    rebuilds(&g).await;
}

#[tokio::test]
async fn a_correction_takes_nobody_elses_identifier_and_leaves_the_first() {
    let g = Governed::start().await;
    let other = "did:web:other.example";
    g.decides(Change::RegisterEntity(pb::RegisterEntity {
        identifier: other.to_owned(),
        names: [("en".to_owned(), "Other".to_owned())].into(),
        country: "FI".to_owned(),
        ..pb::RegisterEntity::default()
    }))
    .await;
    let taken = pb::ImportIdentifier { r#type: "did".to_owned(), value: other.to_owned() };
    assert_eq!(refused(&g, correct(|c| c.add_identifiers.push(taken))).await, "409 DUPLICATE_ENTITY");
    assert_eq!(refused(&g, correct(|c| c.end_identifiers.push(ISSUER.to_owned()))).await, "400 INVALID");
    assert_eq!(refused(&g, correct(|c| c.end_identifiers.push(other.to_owned()))).await, "400 INVALID");
    assert_eq!(refused(&g, correct(|c| c.country = "Finland".to_owned())).await, "400 INVALID");
    assert_eq!(refused(&g, correct(|_| {})).await, "409 ILLEGAL_TRANSITION");
    // Between proposal and execution somebody else got it.
    let late = g.person("olga").proposes(alias()).await.expect("proposed");
    let mut theirs = alias();
    if let Change::CorrectEntity(c) = &mut theirs {
        other.clone_into(&mut c.entity_id);
    }
    g.decides(theirs).await;
    g.person("anna").approves(&late).await.expect("approved");
    let refused = g.person("arvo").approves(&late).await.expect_err("refused");
    assert_eq!(said(&refused), "409 DUPLICATE_ENTITY");
}

#[tokio::test]
async fn an_accreditation_is_corrected_back_in_time_by_three() {
    let g = Governed::start().await;
    let start = g.app.clock.now();
    let id = accreditation_id(&g.decides(accredit(None)).await);
    g.decides(state("", "Diploma", None, &id)).await;
    g.app.clock.advance(HOUR * 48);
    let correct = |change: pb::CorrectAccreditation| {
        Change::CorrectAccreditation(pb::CorrectAccreditation { accreditation_id: id.clone(), ..change })
    };
    let body = correct(pb::CorrectAccreditation { body: Some("Agency".to_owned()), ..Default::default() });
    let done = g.decides(body).await;
    assert_eq!((done.measure.as_str(), done.quorum), ("CORRECT", 2));
    let asking = g.app.anonymous().asks(ISSUER, "issue", "Diploma");
    assert_eq!(asking.both().await.line(), "200 yes ACTIVE");
    let until = wire(start.plus(HOUR * 24));
    let ended = correct(pb::CorrectAccreditation { valid_until: Some(until), ..Default::default() });
    let done = g.decides(ended).await;
    assert_eq!((done.measure.as_str(), done.quorum), ("CORRECT_BACK", 3));
    let diff: Value = serde_json::from_str(&done.diff_json).expect("JSON");
    assert_eq!(diff.as_object().map(serde_json::Map::len), Some(1), "{diff}");
    assert_eq!(asking.both().await.line(), "200 no EXPIRED", "it was so since yesterday");
    let then = start.plus(HOUR * 36);
    assert_eq!(asking.clone().at(then).both().await.line(), "200 no EXPIRED");
    let known = asking.clone().at(then).with("known_at", &(done.seq - 1).to_string());
    assert_eq!(known.both().await.line(), "200 yes ACTIVE", "what was held before is still told");
    assert_eq!(asking.at(start.plus(HOUR * 12)).both().await.line(), "200 yes ACTIVE");
    let held = entity(&g, ISSUER).await.accreditations.remove(0);
    assert_eq!((held.body.as_str(), held.valid_until), ("Agency", Some(until)));
    let never = pb::CorrectAccreditation {
        valid_from: Some(wire(start.plus(HOUR * 100))),
        ..pb::CorrectAccreditation::default()
    };
    assert_eq!(refused(&g, correct(never)).await, "409 ILLEGAL_TRANSITION", "it would hold nothing");
    rebuilds(&g).await;
}

#[tokio::test]
async fn what_is_in_force_is_renewed_and_no_gap_is_filled() {
    use pb::renew::Target as T;
    let g = Governed::start().await;
    let until = |hours: u32| Some(g.app.clock.now().plus(HOUR * hours));
    let id = accreditation_id(&g.decides(accredit(until(10))).await);
    let statement = g.decides(state("recognition", "Diploma", until(10), &id)).await.seq;
    let (ground, number) = (T::AccreditationId(id.clone()), T::StatementId(statement));
    let to = |target: &T, hours| renew(target.clone(), until(hours).expect("some"));
    assert_eq!(refused(&g, to(&number, 9)).await, "409 ILLEGAL_TRANSITION", "shorter");
    let done = g.decides(to(&number, 20)).await;
    assert_eq!((done.measure.as_str(), done.quorum), ("RENEW", 2));
    let asking = g.app.anonymous().asks(ISSUER, "issue", "Diploma").recognition().with("evidence", "chain");
    g.app.clock.advance(HOUR * 9);
    // Proposed in time and approved too late.
    let late = g.person("olga").proposes(to(&ground, 20)).await.expect("proposed");
    g.app.clock.advance(HOUR);
    assert_eq!(said(&g.person("anna").approves(&late).await.expect_err("late")), "409 ILLEGAL_TRANSITION");
    assert_eq!(refused(&g, to(&ground, 20)).await, "409 ILLEGAL_TRANSITION", "it ran out");
    assert_eq!(asking.both().await.line(), "200 no EXPIRED", "with its ground");

    let id = accreditation_id(&g.decides(accredit(until(5))).await);
    let statement = g.decides(state("", "Licence", until(5), &id)).await.seq;
    g.decides(to(&T::AccreditationId(id.clone()), 30)).await;
    let done = g.decides(to(&T::StatementId(statement), 30)).await;
    g.app.clock.advance(HOUR * 6);
    let asking = g.app.anonymous().asks(ISSUER, "issue", "Licence").with("evidence", "chain");
    let said_now = asking.both().await;
    assert_eq!((said_now.line().as_str(), said_now.chain.len()), ("200 yes ACTIVE", 2));
    let known = g.app.anonymous().asks(ISSUER, "issue", "Licence");
    let known = known.with("known_at", &(done.seq - 1).to_string());
    assert_eq!(known.both().await.line(), "200 no EXPIRED", "nobody knew of the renewal");
    g.decides(state_of(Target::StatementId(statement), "REVOKED")).await;
    assert_eq!(refused(&g, to(&T::StatementId(statement), 90)).await, "409 ILLEGAL_TRANSITION", "revoked");
    assert_eq!(refused(&g, to(&T::StatementId(1), 90)).await, "404 NOT_FOUND");
    rebuilds(&g).await;
}

#[tokio::test]
async fn a_grant_begins_when_it_is_recorded_and_not_in_the_past() {
    let g = Governed::start().await;
    let draft = g.person("olga").proposes(state("", "Diploma", None, "")).await.expect("proposed");
    assert!(draft.change_json.contains(r#""begins_when_recorded":true"#), "{}", draft.change_json);
    let proposed = g.app.clock.now();
    g.app.clock.advance(HOUR * 24);
    let recorded = g.app.clock.now();
    g.person("anna").approves(&draft).await.expect("approved");
    let asking = g.app.anonymous().asks(ISSUER, "issue", "Diploma");
    assert_eq!(asking.both().await.line(), "200 yes ACTIVE");
    for (at, line) in [(proposed.plus(HOUR), "200 no NOT_YET_VALID"), (recorded, "200 yes ACTIVE")] {
        assert_eq!(asking.clone().at(at).both().await.line(), line, "{at}");
    }
    let from = |at: Timestamp| {
        let mut change = state("", "Licence", None, "");
        if let Change::MakeStatement(c) = &mut change {
            c.authorization.get_or_insert_default().valid_from = at.to_string();
        }
        change
    };
    let past = refused(&g, from(recorded.minus(HOUR))).await;
    assert_eq!(past, "409 ILLEGAL_TRANSITION", "nobody was entitled before it was decided");
    let late = g.person("olga").proposes(from(recorded.plus(HOUR))).await.expect("proposed");
    g.app.clock.advance(HOUR * 2);
    let refused = g.person("anna").approves(&late).await.expect_err("it would begin in the past");
    assert_eq!(said(&refused), "409 ILLEGAL_TRANSITION");
    rebuilds(&g).await;
}

/// The state of an accreditation or statement concerns its entity and nothing else.
#[tokio::test]
async fn a_state_of_an_accreditation_concerns_its_entity_alone() {
    let g = Governed::start().await;
    let id = accreditation_id(&g.decides(accredit(None)).await);
    g.decides(state("", "Diploma", None, &id)).await;
    let open = g.person("otto").proposes(status(ISSUER, "SUSPENDED")).await.expect("proposed");
    let done = g.decides(state_of(Target::AccreditationId(id.clone()), "SUSPENDED")).await;
    let event = g.person("aino").reads_events(ISSUER).await.expect("read").pop().expect("one");
    assert_eq!(event["seq"], done.seq, "found under its entity");
    assert_eq!(event["data"]["entity_id"], event["subject"]);
    let asking = g.app.anonymous().asks(ISSUER, "issue", "Diploma").with("evidence", "chain");
    assert_eq!(asking.both().await.line(), "200 no SUSPENDED", "what stands on it falls");
    let outdated = g.person("anna").approves(&open).await.expect_err("out of date");
    assert_eq!(said(&outdated), "409 PROPOSAL_CHANGED");
    g.decides(state_of(Target::AccreditationId(id.clone()), "ACTIVE")).await;
    let again = asking.both().await;
    assert_eq!((again.line().as_str(), again.chain.len()), ("200 yes ACTIVE", 2), "signed anew");
    let held = entity(&g, ISSUER).await;
    assert_eq!(held.accreditations[0].status.clone().expect("a status").state, "ACTIVE");
    assert_eq!(held.statements.last().expect("one").accreditation_id, id);
}

/// Recognitions of peers live as authorizations do.
#[tokio::test]
async fn a_recognition_is_made_renewed_suspended_reinstated_and_ended() {
    let g = Governed::start().await;
    let until = g.app.clock.now().plus(HOUR * 10);
    let made = g.decides(state("recognition", "Degree", Some(until), "")).await;
    assert_eq!(made.measure, "RECOGNIZE");
    let asking = g.app.anonymous().asks(ISSUER, "issue", "Degree").recognition();
    assert_eq!(asking.both().await.line(), "200 yes ACTIVE");
    g.decides(renew(pb::renew::Target::StatementId(made.seq), until.plus(HOUR))).await;
    for (state, line) in
        [("SUSPENDED", "200 no SUSPENDED"), ("ACTIVE", "200 yes ACTIVE"), ("ENDED", "200 no ENDED")]
    {
        g.decides(state_of(Target::StatementId(made.seq), state)).await;
        assert_eq!(asking.both().await.line(), line);
    }
    assert_eq!(g.app.anonymous().asks(ISSUER, "issue", "Degree").both().await.line(), "200 yes ACTIVE");
}

#[tokio::test]
async fn who_succeeds_an_entity_is_told() {
    let g = Governed::start().await;
    let heir = "did:web:heir.example";
    g.decides(Change::RegisterEntity(pb::RegisterEntity {
        identifier: heir.to_owned(),
        names: [("en".to_owned(), "Heir".to_owned())].into(),
        country: "FI".to_owned(),
        ..pb::RegisterEntity::default()
    }))
    .await;
    let path = format!("/api/v1/issuers/{ISSUER}");
    assert!(g.app.rest().get(&path).await.json().get("succeededBy").is_none());
    let mut end = status(ISSUER, "ENDED");
    if let Change::ChangeStatus(c) = &mut end {
        c.succeeded_by.push(heir.to_owned());
    }
    g.decides(end).await;
    assert_eq!(entity(&g, ISSUER).await.succeeded_by, [heir]);
    assert_eq!(g.app.rest().get(&path).await.json()["succeededBy"], json!([heir]));
    let asking = g.app.anonymous().asks(ISSUER, "issue", "Degree").with("evidence", "chain");
    assert_eq!(asking.both().await.line(), "200 no ENDED");
    let over_rest = g.app.rest().post("/authorization", &asking.json()).await.json();
    assert_eq!(over_rest["evidence"]["succeeded_by"], json!([heir]));
    let mut client = TrustRegistryQueryServiceClient::new(g.app.channel());
    let over_grpc = client.authorization(request(&asking)).await.expect("answered").into_inner();
    assert_eq!(over_grpc.evidence.expect("evidence").succeeded_by, [heir]);
}
