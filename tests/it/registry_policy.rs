//! A registry's own policy: more persons, hearings or none, and languages; in the program and in the database.

use std::time::Duration;

use charter_proto::charter::registry::v1::{
    self as pb, policy_service_client::PolicyServiceClient, propose_request::Change,
};
use charter_tests::{
    AUTHORITY,
    governed::{Governed, ISSUER, status},
};
use serde_json::json;

use crate::governance::said;

fn set(quorums: &[(&str, i32)], hearing: &str, languages: &[&str]) -> Change {
    Change::SetPolicy(pb::Policy {
        quorums: quorums.iter().map(|(measure, persons)| ((*measure).to_owned(), *persons)).collect(),
        hearing: hearing.to_owned(),
        reply_days: 30,
        languages: languages.iter().map(|tag| (*tag).to_owned()).collect(),
    })
}

/// Alice proposes, Bob and Beata approve.
async fn sets(g: &Governed, change: Change) {
    let draft = g.person("alice").proposes(change).await.expect("proposed");
    assert_eq!((draft.measure.as_str(), draft.quorum), ("SET_POLICY", 3));
    let half = g.person("bob").approves(&draft).await.expect("approved");
    assert_eq!(half.state, "OPEN");
    let done = g.person("beata").approves(&half).await.expect("approved");
    assert_eq!(done.state, "EXECUTED");
}

async fn started() -> Governed {
    let g = Governed::start().await;
    g.appoints("beata", &["SECURITY_OFFICER"], false).await;
    g
}

#[tokio::test]
async fn a_policy_asks_for_more_persons_and_is_shown_at_both_doors() {
    let g = started().await;
    let open = g.person("olga").proposes(status(ISSUER, "SUSPENDED")).await.expect("proposed");
    sets(&g, set(&[("SUSPEND", 3)], "REQUIRED", &[])).await;
    let mut client = PolicyServiceClient::new(g.app.channel());
    let policy = client.get_policy(pb::GetPolicyRequest::default()).await.expect("read").into_inner();
    let policy = policy.policy.expect("a policy");
    assert_eq!((policy.quorums["SUSPEND"], policy.quorums["REVOKE"], policy.reply_days), (3, 2, 30));
    let rest = g.app.rest().get("/api/v1/policy").await.json();
    assert_eq!((&rest["quorums"]["SUSPEND"], &rest["hearing"]), (&json!(3), &json!("REQUIRED")));
    // What was drafted under the old policy needs an amendment.
    let refused = g.person("anna").approves(&open).await.expect_err("too few by now");
    assert_eq!(said(&refused), "409 ILLEGAL_TRANSITION");
    let open = g.person("olga").amends(&open, status(ISSUER, "SUSPENDED")).await.expect("amended");
    assert_eq!(open.quorum, 3);
    assert_eq!(g.person("anna").approves(&open).await.expect("approved").state, "OPEN");
    assert_eq!(g.person("arvo").approves(&open).await.expect("approved").state, "EXECUTED");
    // Less than is built in, more than there are, and what is no measure.
    for (quorums, line) in [
        (&[("REVOKE_BACK", 2)], "400 INVALID"),
        (&[("REVOKE", 8)], "400 INVALID"),
        (&[("GUESS", 3)], "400 INVALID"),
        (&[("REVOKE", 7)], "409 ILLEGAL_TRANSITION"),
        (&[("SET_POLICY", 4)], "409 ILLEGAL_TRANSITION"),
    ] {
        let refused = g.person("alice").proposes(set(quorums, "", &[])).await.expect_err("refused");
        assert_eq!(said(&refused), line, "{quorums:?}");
    }
    let refused = g.person("olga").proposes(set(&[], "", &[])).await.expect_err("an officer");
    assert_eq!(said(&refused), "403 DENIED");
}

#[tokio::test]
async fn a_policy_may_do_without_hearings_and_asks_for_languages() {
    let g = started().await;
    sets(&g, set(&[], "NOT_REQUIRED", &["fi", "sv"])).await;
    let Change::ChangeStatus(c) = status(ISSUER, "SUSPENDED") else { return };
    let unheard = pb::ChangeStatus { hearing_waived: String::new(), legal_basis: String::new(), ..c };
    let draft = g.person("olga").proposes(Change::ChangeStatus(unheard)).await.expect("proposed");
    g.person("anna").approves(&draft).await.expect("approved");
    let register = |tags: &[&str]| {
        Change::RegisterEntity(pb::RegisterEntity {
            identifier: "did:web:new.example".to_owned(),
            names: tags.iter().map(|tag| ((*tag).to_owned(), "Uusi".to_owned())).collect(),
            country: "FI".to_owned(),
            ..pb::RegisterEntity::default()
        })
    };
    let refused = g.person("olga").proposes(register(&["fi"])).await.expect_err("no Swedish name");
    assert_eq!(said(&refused), "400 INVALID");
    g.person("olga").proposes(register(&["fi", "sv"])).await.expect("proposed");
    let days = |n: u64| {
        let at = charter_domain::time::Clock::now(&*g.app.clock).plus(Duration::from_secs(n * 86_400));
        prost_types::Timestamp { seconds: at.secs(), nanos: 0 }
    };
    let open = |reply_by| {
        Change::OpenProcedure(pb::OpenProcedure {
            target: Some(pb::open_procedure::Target::EntityId(ISSUER.to_owned())),
            state: "REVOKED".to_owned(),
            code: "NO_STAFF".to_owned(),
            legal_basis: "Act 1".to_owned(),
            reply_by: Some(reply_by),
            ..Default::default()
        })
    };
    let short = g.person("olga").proposes(open(days(29))).await.expect_err("30 days by the policy");
    assert_eq!(said(&short), "409 ILLEGAL_TRANSITION");
    g.person("olga").proposes(open(days(31))).await.expect("proposed");
}

/// As the server's own role, around the program.
#[tokio::test]
async fn the_database_refuses_a_quorum_below_the_policy() {
    let g = started().await;
    let open = g.person("olga").proposes(status(ISSUER, "REVOKED")).await.expect("proposed");
    sets(&g, set(&[("REVOKE", 3), ("SUSPEND", 3)], "", &[])).await;
    let id = g.app.app.hosted.by_authority(AUTHORITY).expect("served").0;
    let client = charter_tests::database::connect(&g.app.database.url("charter_runtime")).await;
    client.batch_execute(&format!("set app.registry = '{id}'")).await.expect("the tenant");
    let new = g.person("olga").proposes(status(ISSUER, "SUSPENDED")).await.expect("proposed");
    assert_eq!(new.quorum, 3);
    let lower =
        format!("update proposals set quorum = 2, revision = 2 where proposal_id = '{}'", new.proposal_id);
    let refused = client.execute(&lower, &[]).await.expect_err("below the policy");
    assert_eq!(refused.code().map(tokio_postgres::error::SqlState::code), Some("23000"), "{refused}");
    // Approved as it was drafted, and executed around the program: the event is refused.
    let approver =
        g.person("aino").client().list_staff(g.person("aino").signed(pb::ListStaffRequest::default())).await;
    let approver = approver.expect("read").into_inner().staff;
    let approver = approver.iter().find(|m| m.roles.contains(&"APPROVER".to_owned())).expect("one").staff_id;
    let approve = format!(
        "insert into approvals select {id}, proposal_id, revision, {approver}, proposer, 'APPROVER', hash, now()
           from proposals where proposal_id = '{}'",
        open.proposal_id
    );
    assert_eq!(client.execute(&approve, &[]).await.expect("approved"), 1);
    let forge = format!(
        "insert into events select {id}, (select max(seq) + 1 from events), 'StatusChanged', '*',
           convert_to(json_build_object('data', change -> 'data')::text, 'UTF8'), sha256(''), '0', 'governance',
           created_at, proposal_id from proposals where proposal_id = '{}'",
        open.proposal_id
    );
    let refused = client.execute(&forge, &[]).await.expect_err("fewer persons than the policy asks for");
    let text = refused.as_db_error().map(|e| e.message().to_owned()).unwrap_or_default();
    assert!(text.contains("policy"), "{refused} {text}");
}
