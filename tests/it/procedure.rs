//! Fair procedures: nobody loses anything unheard, and what a court says changes the answers.

use std::time::Duration;

use charter_domain::{Timestamp, time::Clock};
use charter_proto::charter::registry::v1::{
    self as pb, change_status::Target, procedure_service_client::ProcedureServiceClient,
    propose_request::Change,
};
use charter_tests::governed::{Governed, ISSUER, status};
use serde_json::json;

use crate::governance::said;

const DAY: u64 = 86_400;

fn at(t: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: t.secs(), nanos: 0 }
}

fn in_days(g: &Governed, days: u64) -> prost_types::Timestamp {
    at(g.app.clock.now().plus(Duration::from_secs(days * DAY)))
}

fn open(g: &Governed, state: &str) -> Change {
    Change::OpenProcedure(pb::OpenProcedure {
        target: Some(pb::open_procedure::Target::EntityId(ISSUER.to_owned())),
        state: state.to_owned(),
        code: "NO_STAFF".to_owned(),
        legal_basis: "Act 1, section 9".to_owned(),
        reply_by: Some(in_days(g, 15)),
        ..Default::default()
    })
}

/// The decision at the end of a procedure.
fn decide(g: &Governed, state: &str, procedure: i64) -> Change {
    Change::ChangeStatus(pb::ChangeStatus {
        target: Some(Target::EntityId(ISSUER.to_owned())),
        state: state.to_owned(),
        code: "NO_STAFF".to_owned(),
        legal_basis: "Act 1, section 9".to_owned(),
        procedure,
        appeal: "to the Administrative Court".to_owned(),
        served_on: Some(in_days(g, 1)),
        appeal_by: Some(in_days(g, 31)),
        ..Default::default()
    })
}

fn rule(decision: i64, ruling: &str, from: Option<Timestamp>) -> Change {
    Change::CourtRuling(pb::CourtRuling {
        decision,
        ruling: ruling.to_owned(),
        court: "Administrative Court".to_owned(),
        case_number: "123/2026".to_owned(),
        from: from.map(at),
    })
}

fn hear(procedure_id: i64) -> Change {
    let reply = "The rector, Rauha Reply, asks for time.".to_owned();
    Change::HearProcedure(pb::HearProcedure { procedure_id, received_on: None, reply })
}

/// Proposed by Olga and approved by Anna.
async fn two(g: &Governed, change: Change) -> pb::Proposal {
    let draft = g.person("olga").proposes(change).await.expect("proposed");
    g.person("anna").approves(&draft).await.expect("approved")
}

async fn refused(g: &Governed, change: Change) -> String {
    said(&g.person("olga").proposes(change).await.expect_err("refused"))
}

async fn shown(g: &Governed, procedure_id: i64) -> pb::Procedure {
    let aino = g.person("aino");
    let request = pb::GetProcedureRequest { procedure_id, ..Default::default() };
    let mut client = ProcedureServiceClient::new(g.app.channel());
    let found = client.get_procedure(aino.signed(request)).await.expect("read").into_inner();
    found.procedure.expect("a procedure")
}

async fn says(g: &Governed) -> String {
    g.app.anonymous().asks(ISSUER, "issue", "Degree").both().await.line()
}

#[tokio::test]
async fn nothing_is_taken_from_somebody_who_was_not_heard() {
    let g = Governed::start().await;
    for state in ["SUSPENDED", "REVOKED"] {
        let Change::ChangeStatus(c) = status(ISSUER, state) else { continue };
        let unheard = Change::ChangeStatus(pb::ChangeStatus { hearing_waived: String::new(), ..c.clone() });
        assert_eq!(refused(&g, unheard).await, "409 ILLEGAL_TRANSITION", "{state}");
        let unfounded = Change::ChangeStatus(pb::ChangeStatus { legal_basis: String::new(), ..c.clone() });
        assert_eq!(refused(&g, unfounded).await, "409 ILLEGAL_TRANSITION", "{state}");
        let guessed = pb::ChangeStatus { hearing_waived: "NO_TIME".to_owned(), ..c };
        assert_eq!(refused(&g, Change::ChangeStatus(guessed)).await, "400 INVALID", "{state}");
    }
    assert_eq!(refused(&g, decide(&g, "REVOKED", 999)).await, "404 NOT_FOUND");
    let Change::OpenProcedure(good) = open(&g, "REVOKED") else { return };
    for bad in [
        pb::OpenProcedure { reply_by: Some(in_days(&g, 13)), ..good.clone() },
        pb::OpenProcedure { served_on: Some(in_days(&g, 2)), ..good.clone() },
        pb::OpenProcedure { state: "ENDED".to_owned(), ..good.clone() },
    ] {
        assert_eq!(refused(&g, Change::OpenProcedure(bad)).await, "409 ILLEGAL_TRANSITION");
    }
    let number = two(&g, open(&g, "SUSPENDED")).await.seq;
    let seen = shown(&g, number).await;
    assert_eq!((seen.state.as_str(), seen.next_deadline_kind.as_str()), ("NOTIFIED", "REPLY_BY"));
    assert_eq!(seen.next_deadline, seen.reply_by);
    assert_eq!(refused(&g, decide(&g, "SUSPENDED", number)).await, "409 ILLEGAL_TRANSITION");
    two(&g, hear(number)).await;
    assert_eq!(shown(&g, number).await.state, "HEARD");
    assert_eq!(refused(&g, decide(&g, "REVOKED", number)).await, "409 ILLEGAL_TRANSITION");
    let done = two(&g, decide(&g, "SUSPENDED", number)).await;
    assert_eq!(says(&g).await, "200 no SUSPENDED");
    let seen = shown(&g, number).await;
    assert_eq!((seen.state.as_str(), seen.next_deadline_kind.as_str()), ("IN_FORCE", "APPEAL_BY"));
    let decision = seen.decision.expect("a decision");
    assert_eq!((decision.seq, decision.appeal.as_str()), (done.seq, "to the Administrative Court"));
    assert_eq!(refused(&g, hear(number)).await, "409 ILLEGAL_TRANSITION");
    // What the reply says, and who wrote it, is nowhere in public.
    let events = g.person("aino").reads_events(ISSUER).await.expect("read");
    assert!(events.iter().all(|e| !e.to_string().contains("Rauha")), "{events:?}");
    let heard = events.iter().find(|e| e["kind"] == "ProcedureHeard").expect("an event");
    assert!(heard["restricted"].as_str().is_some_and(|c| c.len() == 64));
}

#[tokio::test]
async fn a_hearing_lapses_by_itself_and_a_procedure_is_closed_without_a_measure() {
    let g = Governed::start().await;
    let number = two(&g, open(&g, "REVOKED")).await.seq;
    let decided = decide(&g, "REVOKED", number);
    assert_eq!(refused(&g, decided).await, "409 ILLEGAL_TRANSITION");
    g.app.clock.advance(Duration::from_secs(16 * DAY));
    assert_eq!(shown(&g, number).await.state, "HEARING_LAPSED");
    two(&g, decide(&g, "SUSPENDED", number)).await;
    assert_eq!(says(&g).await, "200 no SUSPENDED", "milder than what was notified");
    let second = two(&g, open(&g, "REVOKED")).await.seq;
    let draft = g.person("olga").proposes(hear(second)).await.expect("proposed");
    let close = pb::CloseProcedure { procedure_id: second, code: "UNFOUNDED".to_owned() };
    two(&g, Change::CloseProcedure(close)).await;
    let seen = shown(&g, second).await;
    assert_eq!((seen.state.as_str(), seen.closed_code.as_str()), ("CLOSED", "UNFOUNDED"));
    let late = g.person("anna").approves(&draft).await.expect_err("closed meanwhile");
    assert_eq!(said(&late), "409 PROPOSAL_CHANGED");
    assert_eq!(refused(&g, decide(&g, "REVOKED", second)).await, "409 ILLEGAL_TRANSITION");
    let list = g.person("aino").sends("GET", "/api/v1/procedures?page_size=1", &json!({})).await.json();
    assert_eq!(list["procedures"][0]["procedure_id"], second);
    let token = list["next_page_token"].as_str().expect("a token");
    let path = format!("/api/v1/procedures?page_size=1&page_token={token}");
    let next = g.person("aino").sends("GET", &path, &json!({})).await.json();
    assert_eq!(
        (&next["procedures"][0]["procedure_id"], &next["procedures"][0]["state"]),
        (&json!(number), &json!("IN_FORCE"))
    );
    let one = g.person("aino").sends("GET", &format!("/api/v1/procedures/{number}"), &json!({})).await.json();
    assert_eq!(one, next["procedures"][0]);
    let none = g.person("aino").sends("GET", "/api/v1/procedures/1", &json!({})).await.problem();
    assert_eq!(none, (404, "NOT_FOUND".to_owned()));
}

#[tokio::test]
async fn a_court_restores_the_answers_from_the_date_that_it_names() {
    let g = Governed::start().await;
    let hours = |n: u64| Duration::from_secs(n * 3_600);
    let start = g.app.clock.now();
    let asks =
        async |t: Timestamp| g.app.anonymous().asks(ISSUER, "issue", "Degree").at(t).both().await.line();
    g.app.clock.advance(hours(1));
    let revoked = two(&g, status(ISSUER, "REVOKED")).await.seq;
    g.app.clock.advance(hours(10));
    assert_eq!(says(&g).await, "200 no REVOKED");
    assert_eq!(refused(&g, rule(revoked, "STAY_LIFTED", None)).await, "409 ILLEGAL_TRANSITION");
    assert_eq!(refused(&g, rule(revoked - 1, "STAYED", None)).await, "404 NOT_FOUND");
    let from = start.plus(hours(5));
    let stayed = two(&g, rule(revoked, "STAYED", Some(from))).await;
    assert_eq!((stayed.measure.as_str(), stayed.state.as_str()), ("STAY", "EXECUTED"));
    assert_eq!(says(&g).await, "200 yes ACTIVE", "signed anew in the same transaction");
    assert_eq!(asks(start.plus(hours(4))).await, "200 no REVOKED", "before the date named");
    assert_eq!(asks(from).await, "200 yes ACTIVE", "from it on");
    // What was known before the court said so stays as it was.
    let known = g.app.anonymous().asks(ISSUER, "issue", "Degree").at(from);
    let known = known.with("known_at", &(stayed.seq - 1).to_string());
    assert_eq!(known.both().await.line(), "200 no REVOKED");
    assert_eq!(refused(&g, rule(revoked, "STAYED", None)).await, "409 ILLEGAL_TRANSITION");
    two(&g, rule(revoked, "STAY_LIFTED", None)).await;
    assert_eq!(says(&g).await, "200 no REVOKED");
    assert_eq!(asks(from).await, "200 yes ACTIVE", "the stay was in force then");
    let back = two(&g, rule(revoked, "OVERTURNED", Some(start))).await;
    assert_eq!(back.measure, "OVERTURN");
    assert_eq!(
        (says(&g).await, asks(start.plus(hours(4))).await),
        ("200 yes ACTIVE".into(), "200 yes ACTIVE".into())
    );
    assert_eq!(refused(&g, rule(revoked, "STAYED", None)).await, "409 ILLEGAL_TRANSITION");
    two(&g, status(ISSUER, "SUSPENDED")).await;
    assert_eq!(says(&g).await, "200 no SUSPENDED", "its life goes on");
    let url = g.app.database.url("charter_owner");
    let all = tokio::task::spawn_blocking(move || charter_store::rebuild::run(&url, true));
    for one in all.await.expect("no panic").expect("rebuilt") {
        assert_eq!((one.differing, one.fault), (Vec::new(), None));
    }
}

#[tokio::test]
async fn an_emergency_needs_a_second_factor_and_is_confirmed_without_a_hearing() {
    let g = Governed::start().await;
    let weak = g.with_token(g.issuer.token("olga"));
    let refusal = weak.suspends_at_once(ISSUER).await.expect_err("refused");
    assert_eq!(said(&refusal), "401 STEP_UP_REQUIRED");
    let Change::ChangeStatus(c) = status(ISSUER, "SUSPENDED") else { return };
    let confirms = pb::ChangeStatus { hearing_waived: "CONFIRMS_EMERGENCY".to_owned(), ..c };
    assert_eq!(
        refused(&g, Change::ChangeStatus(confirms.clone())).await,
        "409 ILLEGAL_TRANSITION",
        "of what?"
    );
    let number = two(&g, open(&g, "REVOKED")).await.seq;
    let lapses = g.person("olga").suspends_at_once(ISSUER).await.expect("suspended").lapses_at;
    let seen = shown(&g, number).await;
    assert_eq!((seen.next_deadline, seen.next_deadline_kind.as_str()), (lapses, "EMERGENCY_LAPSES"));
    two(&g, Change::ChangeStatus(confirms)).await;
    g.app.clock.advance(Duration::from_secs(2 * DAY));
    assert_eq!(says(&g).await, "200 no SUSPENDED", "it lasts");
    let again = g.person("olga").suspends_at_once(ISSUER).await.expect_err("not again in 30 days");
    assert_eq!(said(&again), "403 DENIED");
}
