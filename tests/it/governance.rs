//! Four eyes through the doors: who may propose, who may approve, and what nobody can do alone.

use charter_proto::charter::registry::v1::{self as pb, propose_request::Change};
use charter_tests::{
    ask::error,
    governed::{Governed, ISSUER, status},
};
use futures::future::join_all;
use serde_json::json;
use tonic::Code;

pub fn said(status: &tonic::Status) -> String {
    error(status).line()
}

#[tokio::test]
async fn a_change_takes_effect_when_another_person_approves_exactly_it() {
    let g = Governed::start().await;
    let asking = g.app.anonymous().asks(ISSUER, "issue", "Degree");
    let draft = g.person("olga").proposes(status(ISSUER, "REVOKED")).await.expect("proposed");
    assert_eq!((draft.measure.as_str(), draft.quorum, draft.state.as_str()), ("REVOKE", 2, "OPEN"));
    assert!(draft.diff_json.contains(r#""from":"ACTIVE","to":"REVOKED""#), "{}", draft.diff_json);
    let digest = charter_store::credential::hash(std::str::from_utf8(&draft.bytes).expect("JSON"));
    assert_eq!(digest.map(|b| format!("{b:02x}")).concat(), draft.hash);
    assert_eq!(asking.both().await.line(), "200 yes ACTIVE");
    let done = g.person("anna").approves(&draft).await.expect("approved");
    assert_eq!(done.state, "EXECUTED");
    assert_eq!(asking.both().await.line(), "200 no REVOKED");
    let events = g.person("aino").reads_events(ISSUER).await.expect("read");
    let last = events.last().expect("an event");
    assert_eq!(last["seq"], done.seq);
    assert_eq!((&last["origin"], &last["approvals"][0]["over"]), (&json!("governance"), &json!(draft.hash)));
    assert_eq!(last["actor"], draft.proposer.to_string());
}

#[tokio::test]
async fn nobody_decides_what_they_proposed_whatever_their_roles() {
    let g = Governed::start().await;
    for (who, change) in
        [("arvo", status(ISSUER, "SUSPENDED")), ("alice", Change::Dismiss(pb::DismissStaff { staff_id: 1 }))]
    {
        let Ok(draft) = g.person(who).proposes(change).await else { continue };
        let refused = g.person(who).approves(&draft).await.expect_err("refused");
        assert_eq!(said(&refused), "403 SELF_APPROVAL_FORBIDDEN", "{who}");
        let refused = g.person(who).refuses(&draft, "no").await.expect_err("refused");
        assert_eq!(said(&refused), "403 SELF_APPROVAL_FORBIDDEN", "{who}");
    }
    let draft = g.person("arvo").proposes(status(ISSUER, "SUSPENDED")).await.expect("proposed");
    for (who, line) in [("olga", "403 DENIED"), ("aino", "403 DENIED"), ("alice", "403 DENIED")] {
        assert_eq!(said(&g.person(who).approves(&draft).await.expect_err("refused")), line, "{who}");
    }
    let weak = g.with_token(g.issuer.token("anna"));
    assert_eq!(said(&weak.approves(&draft).await.expect_err("refused")), "401 STEP_UP_REQUIRED");
    assert_eq!(said(&g.person("stranger").approves(&draft).await.expect_err("refused")), "403 DENIED");
    let bootstrap = g.with_token(g.app.token.clone());
    assert_eq!(said(&bootstrap.approves(&draft).await.expect_err("refused")), "401 UNAUTHENTICATED");
    let other = pb::Proposal { hash: "00".repeat(32), ..draft.clone() };
    assert_eq!(said(&g.person("anna").approves(&other).await.expect_err("refused")), "409 PROPOSAL_CHANGED");
    g.person("anna").approves(&draft).await.expect("approved by another");
}

#[tokio::test]
async fn a_service_proposes_and_never_approves() {
    let g = Governed::start().await;
    g.appoints("robot", &["OFFICER", "APPROVER"], true).await;
    let draft = g.person("robot").proposes(status(ISSUER, "SUSPENDED")).await.expect("proposed");
    g.person("anna").refuses(&draft, "not now").await.expect("refused");
    let draft = g.person("olga").proposes(status(ISSUER, "SUSPENDED")).await.expect("proposed");
    assert_eq!(said(&g.person("robot").approves(&draft).await.expect_err("refused")), "403 DENIED");
}

#[tokio::test]
async fn of_a_hundred_approvals_at_once_one_wins() {
    let g = Governed::start().await;
    let people: Vec<String> = (0..5).map(|n| format!("approver-{n}")).collect();
    for person in &people {
        g.appoints(person, &["APPROVER"], false).await;
    }
    let draft = g.person("olga").proposes(status(ISSUER, "REVOKED")).await.expect("proposed");
    let tried = join_all((0..100).map(|n| {
        let (person, draft) = (g.person(&people[n % people.len()]), draft.clone());
        async move { person.approves(&draft).await }
    }))
    .await;
    assert_eq!(tried.iter().filter(|t| t.is_ok()).count(), 1);
    for refused in tried.iter().filter_map(|t| t.as_ref().err()) {
        // Who stood in line for too long was not heard.
        let late = matches!(refused.code(), Code::DeadlineExceeded | Code::Cancelled | Code::Unavailable);
        assert!(late || said(refused) == "409 PROPOSAL_CLOSED", "{refused:?}");
    }
    let events = g.person("aino").reads_events(ISSUER).await.expect("read");
    assert_eq!(events.iter().filter(|e| e["kind"] == "StatusChanged").count(), 1);
}

#[tokio::test]
async fn a_proposal_whose_subject_has_changed_meanwhile_is_not_approved() {
    let g = Governed::start().await;
    let stale = g.person("olga").proposes(status(ISSUER, "SUSPENDED")).await.expect("proposed");
    let other = g.person("otto").proposes(status(ISSUER, "SUSPENDED")).await.expect("proposed");
    g.person("anna").approves(&other).await.expect("approved");
    let refused = g.person("arvo").approves(&stale).await.expect_err("refused");
    assert!(
        matches!(said(&refused).as_str(), "409 PROPOSAL_CHANGED" | "409 ILLEGAL_TRANSITION"),
        "{refused:?}"
    );
    g.person("olga").withdraws(&stale).await.expect("withdrawn");
    assert_eq!(said(&g.person("otto").withdraws(&other).await.expect_err("executed")), "409 PROPOSAL_CLOSED");
}

#[tokio::test]
async fn a_person_is_staff_once_and_two_security_officers_remain() {
    let g = Governed::start().await;
    let again = pb::AppointStaff {
        issuer: g.issuer.url(),
        subject: "olga".to_owned(),
        roles: vec!["APPROVER".to_owned()],
        service: false,
        ..Default::default()
    };
    let refused = g.person("alice").proposes(Change::Appoint(again)).await.expect_err("a second account");
    assert_eq!(said(&refused), "409 CONFLICT");
    let aino = g.person("aino");
    let listed = aino.client().list_staff(aino.signed(pb::ListStaffRequest::default())).await;
    let staff = listed.expect("read").into_inner().staff;
    assert_eq!(staff.iter().filter(|m| m.roles.contains(&"SECURITY_OFFICER".to_owned())).count(), 2);
    let bob = staff
        .iter()
        .filter(|m| m.roles.contains(&"SECURITY_OFFICER".to_owned()))
        .nth(1)
        .expect("bob")
        .staff_id;
    let draft = g
        .person("alice")
        .proposes(Change::Dismiss(pb::DismissStaff { staff_id: bob }))
        .await
        .expect("proposed");
    let refused = g.person("bob").approves(&draft).await.expect_err("one would remain");
    assert_eq!(said(&refused), "409 ILLEGAL_TRANSITION");
}

#[tokio::test]
async fn a_dismissed_member_decides_nothing_more() {
    let g = Governed::start().await;
    let staff_id = g.appoints("brief", &["APPROVER"], false).await;
    let draft = g.person("olga").proposes(status(ISSUER, "SUSPENDED")).await.expect("proposed");
    let dismiss =
        g.person("alice").proposes(Change::Dismiss(pb::DismissStaff { staff_id })).await.expect("proposed");
    g.person("bob").approves(&dismiss).await.expect("dismissed");
    assert_eq!(said(&g.person("brief").approves(&draft).await.expect_err("refused")), "403 DENIED");
}

#[tokio::test]
async fn one_person_has_one_number_whatever_their_accounts() {
    let g = Governed::start().await;
    let appoint = |issuer: &str, subject: &str, person_key: &str| {
        Change::Appoint(pb::AppointStaff {
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
            roles: vec!["AUDITOR".to_owned()],
            person_key: person_key.to_owned(),
            ..Default::default()
        })
    };
    let (here, alice) = (g.issuer.url(), g.person("alice"));
    let first = alice.proposes(appoint(&here, "petra", "010190-123A")).await.expect("proposed");
    let raced = alice.proposes(appoint(&here, "petra.other", "010190-123A")).await.expect("not known yet");
    for (what, text) in [(&first, "petra"), (&raced, "petra.other")] {
        assert!(what.restricted_json.contains(text) && !what.restricted_json.contains("010190"), "{what:?}");
    }
    g.person("bob").approves(&first).await.expect("appointed");
    let refused = g.person("bob").approves(&raced).await.expect_err("the same person");
    assert!(matches!(said(&refused).as_str(), "409 CONFLICT" | "409 PROPOSAL_CHANGED"), "{refused:?}");
    for key in ["010190-123A", " 010190-123a "] {
        let refused = alice.proposes(appoint(&here, "petra.second", key)).await.expect_err("known");
        assert_eq!(said(&refused), "409 CONFLICT", "{key:?}");
    }
    let elsewhere = alice.proposes(appoint("https://login.example", "petra", "020290-456B")).await;
    let flagged = elsewhere.expect("proposed").restricted_json;
    assert!(flagged.contains("same_subject_elsewhere"), "{flagged}");
    for key in ["123", &"1".repeat(256), "01\u{7}02 03"] {
        let refused = alice.proposes(appoint(&here, "petra.third", key)).await.expect_err("no key");
        assert_eq!(said(&refused), "400 INVALID", "{key:?}");
    }
    // Nowhere in the database as it was given.
    let admin = g.app.database.admin(&g.app.database.name).await;
    let sql = "select (select count(*) from principals p where p::text like '%010190%')
                    + (select count(*) from proposals p where p::text like '%010190%')
                    + (select count(*) from event_restricted r where convert_from(r.body, 'UTF8') like '%010190%')";
    assert_eq!(admin.query_one(sql, &[]).await.expect("counted").get::<_, i64>(0), 0);
}
