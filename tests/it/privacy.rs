//! What is held about persons: shown to whom, and erased for good while every proof stays.

use charter_domain::{RegistryId, time::Clock as _};
use charter_proto::charter::registry::v1::{self as pb, propose_request::Change};
use charter_store::rebuild;
use charter_tests::{
    AUTHORITY,
    governed::{Governed, ISSUER, Person, status},
};
use tonic::Status;

use crate::governance::said;

const NAME: &str = "veronica-verylongname";

/// Tables with rows in which a text stands, bytes read as text too.
pub async fn rows_with(g: &Governed, text: &str) -> Vec<String> {
    let admin = g.app.database.admin(&g.app.database.name).await;
    let sql = "select c.relname::text from pg_class c where c.relkind = 'r'
                and c.relnamespace = 'public'::regnamespace order by 1";
    let mut found = Vec::new();
    for row in admin.query(sql, &[]).await.expect("tables") {
        let table: String = row.get(0);
        let sql = format!(
            "select count(*) from {table} t
              where t::text like '%' || $1 || '%' or t::text like '%' || encode(convert_to($1, 'UTF8'), 'hex') || '%'"
        );
        let count: i64 = admin.query_one(&sql, &[&text]).await.expect("counted").get(0);
        if count > 0 {
            found.push(table);
        }
    }
    found
}

/// Proposed by Alice, approved by Bob; the number of the event.
async fn erases(g: &Governed, subject: &str) -> i64 {
    let draft = g.person("alice").wants_erased(subject).await.expect("proposed");
    assert_eq!(draft.measure, "ERASE");
    g.person("bob").approves(&draft).await.expect("approved").seq
}

async fn verified(g: &Governed) {
    let url = g.app.database.url("charter_owner");
    let all = tokio::task::spawn_blocking(move || rebuild::run(&url, true)).await.expect("no panic");
    for one in all.expect("rebuilt") {
        assert_eq!((one.fault, one.differing), (None, Vec::new()));
    }
}

async fn dismissed(g: &Governed, subject: &str) -> i64 {
    let staff_id = g.appoints(subject, &["OFFICER"], false).await;
    let draft = g.person("alice").proposes(Change::Dismiss(pb::DismissStaff { staff_id })).await;
    g.person("bob").approves(&draft.expect("proposed")).await.expect("dismissed");
    staff_id
}

fn appointment(g: &Governed, subject: &str) -> Change {
    Change::Appoint(pb::AppointStaff {
        issuer: g.issuer.url(),
        subject: subject.to_owned(),
        roles: vec!["AUDITOR".to_owned()],
        service: false,
        ..Default::default()
    })
}

/// With an id, so that the answer is kept; the last two digits tell them apart.
fn request_id(number: u8) -> String {
    format!("019aa5c0-0000-7000-8000-0000000000{number:02}")
}

async fn asks(person: &Person<'_>, request: &pb::ProposeRequest) -> Result<pb::Proposal, Status> {
    let reply = person.client().propose(person.signed(request.clone())).await?;
    Ok(reply.into_inner().proposal.expect("a proposal"))
}

fn approval(draft: &pb::Proposal, number: u8) -> pb::ApproveProposalRequest {
    pb::ApproveProposalRequest {
        proposal_id: draft.proposal_id.clone(),
        hash: draft.hash.clone(),
        etag: draft.etag.clone(),
        request_id: request_id(number),
        ..Default::default()
    }
}

async fn decides(person: &Person<'_>, request: &pb::ApproveProposalRequest) -> Result<pb::Proposal, Status> {
    let reply = person.client().approve_proposal(person.signed(request.clone())).await?;
    Ok(reply.into_inner().proposal.expect("a proposal"))
}

async fn read_again(person: &Person<'_>, draft: &pb::Proposal) -> pb::Proposal {
    let request = pb::GetProposalRequest { proposal_id: draft.proposal_id.clone(), ..Default::default() };
    let reply = person.client().get_proposal(person.signed(request)).await.expect("read");
    reply.into_inner().proposal.expect("a proposal")
}

#[tokio::test]
async fn a_person_is_erased_everywhere_and_stays_known_as_one_who_was_here() {
    let g = Governed::start().await;
    let id = dismissed(&g, NAME).await;
    let subject = format!("staff:{id}");
    let places = |records: Vec<pb::PersonalDataRecord>| -> Vec<String> {
        records.into_iter().filter(|r| r.erasable).map(|r| r.place).collect()
    };
    let held = g.person("alice").sees_personal_data(&subject).await.expect("shown");
    assert!(held.iter().any(|r| r.data_json.contains(NAME)), "{held:?}");
    assert_eq!(places(held), ["principal", "event", "proposal", "proposal"]);
    assert_eq!(rows_with(&g, NAME).await, ["event_restricted", "principals", "proposals"]);
    let before = g.person("aino").reads_events("staff").await.expect("read");

    let seq = erases(&g, &subject).await;
    assert_eq!(rows_with(&g, NAME).await, Vec::<String>::new());
    let held = g.person("alice").sees_personal_data(&subject).await.expect("shown");
    assert_eq!(places(held.clone()), Vec::<String>::new());
    let left: Vec<_> = held.iter().map(|r| r.place.as_str()).collect();
    assert_eq!(left, ["principal"], "an HMAC, by which they are recognised");
    let after = g.person("aino").reads_events("staff").await.expect("read");
    assert_eq!(after[..before.len()], before[..], "what is public stays, with its commitments");
    let last = after.last().expect("an event");
    assert_eq!((&last["kind"], &last["seq"]), (&"PersonalDataErased".into(), &seq.into()));
    let data = serde_json::json!({ "subject": subject, "seqs": [id], "basis": "GDPR art. 17" });
    assert_eq!(last["data"], data);
    verified(&g).await;

    let refused = g.person("alice").proposes(appointment(&g, NAME)).await.expect_err("the same person");
    assert_eq!(said(&refused), "409 CONFLICT");
    let refused = g.person("alice").wants_erased(&subject).await.expect_err("nothing is left");
    assert_eq!(said(&refused), "404 NOT_FOUND");
}

#[tokio::test]
async fn reasons_about_an_entity_are_erased_and_every_hash_and_proof_stays() {
    let g = Governed::start().await;
    let olga = g.person("olga");
    let change = status(ISSUER, "SUSPENDED");
    let request = pb::ProposeRequest {
        reason: format!("{NAME} complained"),
        etag: olga.etag_of(&change).await.expect("read"),
        change: Some(change),
        ..Default::default()
    };
    let drafted = olga.client().propose(olga.signed(request)).await.expect("proposed").into_inner();
    let draft = drafted.proposal.expect("a proposal");
    g.person("anna").approves(&draft).await.expect("approved");
    let refused = g.person("olga").proposes(status(ISSUER, "ACTIVE")).await.expect("proposed");
    g.person("anna").refuses(&refused, &format!("{NAME} says no")).await.expect("refused");
    assert_eq!(rows_with(&g, NAME).await, ["proposals"]);

    let seq = erases(&g, &format!("entity:{ISSUER}")).await;
    assert_eq!(rows_with(&g, NAME).await, Vec::<String>::new());
    for old in [&draft, &refused] {
        let now = read_again(&g.person("aino"), old).await;
        assert_eq!((now.reason.as_str(), now.closed_why.as_str(), now.erased), ("", "", seq));
        assert_eq!((&now.hash, &now.bytes), (&old.hash, &old.bytes));
        let digest = charter_store::credential::hash(std::str::from_utf8(&now.bytes).expect("JSON"));
        assert_eq!(digest.map(|b| format!("{b:02x}")).concat(), now.hash);
    }
    assert_eq!(g.app.anonymous().asks(ISSUER, "issue", "Degree").both().await.line(), "200 no SUSPENDED");
    verified(&g).await;
}

#[tokio::test]
async fn an_answer_kept_for_who_sends_again_is_erased_too() {
    let g = Governed::start().await;
    let olga = g.person("olga");
    let change = status(ISSUER, "SUSPENDED");
    let request = pb::ProposeRequest {
        request_id: "019aa5c0-0000-7000-8000-000000000001".to_owned(),
        reason: format!("{NAME} complained"),
        etag: olga.etag_of(&change).await.expect("read"),
        change: Some(change),
        ..Default::default()
    };
    let drafted = olga.client().propose(olga.signed(request)).await.expect("proposed").into_inner();
    g.person("anna").refuses(&drafted.proposal.expect("a proposal"), "no").await.expect("refused");
    assert_eq!(rows_with(&g, NAME).await, ["proposals", "requests"]);
    erases(&g, &format!("entity:{ISSUER}")).await;
    assert_eq!(rows_with(&g, NAME).await, Vec::<String>::new());
}

#[tokio::test]
async fn an_appointment_sent_again_after_the_erasure_names_nobody_and_is_not_carried_out() {
    let g = Governed::start().await;
    let (alice, bob) = (g.person("alice"), g.person("bob"));
    let mut change = appointment(&g, NAME);
    if let Change::Appoint(appoint) = &mut change {
        appoint.person_key = format!("{NAME} 010190-123A");
    }
    let reason = format!("{NAME} is new");
    let appoint =
        pb::ProposeRequest { request_id: request_id(1), reason, change: Some(change), ..Default::default() };
    let draft = asks(&alice, &appoint).await.expect("proposed");
    let about = format!("proposal:{}", draft.proposal_id);
    let held = alice.sees_personal_data(&about).await.expect("shown");
    let held: Vec<_> = held.iter().map(|r| (r.place.as_str(), r.erasable)).collect();
    assert_eq!(held, [("proposal", false), ("request", false)], "it is open");
    let approve = approval(&draft, 2);
    let staff_id = decides(&bob, &approve).await.expect("approved").seq;
    let dismissal = alice.proposes(Change::Dismiss(pb::DismissStaff { staff_id })).await.expect("proposed");
    bob.approves(&dismissal).await.expect("dismissed");
    let about = format!("staff:{staff_id}");
    let before = alice.sees_personal_data(&about).await.expect("shown");
    let requests: Vec<_> = before.iter().filter(|r| r.place == "request").map(|r| r.erasable).collect();
    assert_eq!(requests, [true, true], "what Alice and what Bob was answered");
    assert_eq!(rows_with(&g, NAME).await, ["event_restricted", "principals", "proposals", "requests"]);

    let wish = pb::ErasePersonalData { subject: about.clone(), basis: "GDPR art. 17".to_owned() };
    let erase = pb::ProposeRequest {
        request_id: request_id(3),
        reason: format!("{NAME} asked for it"),
        change: Some(Change::ErasePersonalData(wish)),
        ..Default::default()
    };
    let draft = asks(&alice, &erase).await.expect("proposed");
    let last = approval(&draft, 4);
    let done = decides(&bob, &last).await.expect("approved");
    assert_eq!((done.state.as_str(), done.reason.as_str()), ("EXECUTED", ""));
    assert_eq!(rows_with(&g, NAME).await, Vec::<String>::new());

    let proposals = alice.lists("").await.expect("read").len();
    let events = g.person("aino").reads_events("staff").await.expect("read");
    for refused in [
        asks(&alice, &appoint).await.expect_err("erased"),
        decides(&bob, &approve).await.expect_err("erased"),
        asks(&alice, &erase).await.expect_err("erased"),
    ] {
        assert_eq!(said(&refused), "410 ANSWER_ERASED");
        assert!(!format!("{refused:?}").contains(NAME), "{refused:?}");
    }
    let body = serde_json::json!({ "reason": "another", "change": { "dismiss": { "staff_id": staff_id } } });
    let headers = [("idempotency-key", appoint.request_id.as_str())];
    let reply = alice.sends_with(&headers, "POST", "/api/v1/proposals", body.to_string()).await;
    assert_eq!(reply.problem(), (410, "ANSWER_ERASED".to_owned()), "what was asked is forgotten too");
    assert_eq!(decides(&bob, &last).await.expect("kept after the erasure"), done);
    assert_eq!(alice.lists("").await.expect("read").len(), proposals);
    assert_eq!(g.person("aino").reads_events("staff").await.expect("read"), events);

    let left = alice.sees_personal_data(&about).await.expect("shown");
    let places: Vec<_> = left.iter().map(|r| (r.place.as_str(), r.erasable)).collect();
    assert_eq!(places, [("principal", false), ("person_key", false)]);
    for record in &left {
        let data: serde_json::Value = serde_json::from_str(&record.data_json).expect("JSON");
        let hmac = data["hmac"].as_str().expect("an HMAC");
        assert!(hmac.len() == 64 && hmac.bytes().all(|b| b.is_ascii_hexdigit()), "{data}");
    }
}

#[tokio::test]
async fn an_appointment_keeps_its_hash_when_who_it_names_is_erased() {
    let g = Governed::start().await;
    for approved in [true, false] {
        let who = format!("{NAME}-{approved}");
        let draft = g.person("alice").proposes(appointment(&g, &who)).await.expect("proposed");
        let subject = format!("proposal:{}", draft.proposal_id);
        let open = g.person("alice").wants_erased(&subject).await.expect_err("it is open");
        assert_eq!(said(&open), "409 ILLEGAL_TRANSITION");
        if approved {
            g.person("bob").approves(&draft).await.expect("approved");
        } else {
            g.person("bob").refuses(&draft, "no").await.expect("refused");
        }
        erases(&g, &subject).await;
        let now = read_again(&g.person("bob"), &draft).await;
        assert_eq!((now.hash, now.restricted_json.as_str()), (draft.hash, ""), "{approved}");
    }
    verified(&g).await;
    assert_eq!(rows_with(&g, NAME).await, ["principals"], "the member in office can still sign in");
}

#[tokio::test]
async fn only_a_security_officer_with_step_up_sees_personal_data_and_each_look_is_recorded() {
    let g = Governed::start().await;
    let subject = format!("entity:{ISSUER}");
    for who in ["olga", "anna", "aino", "stranger"] {
        let refused = g.person(who).sees_personal_data(&subject).await.expect_err(who);
        assert_eq!(said(&refused), "403 DENIED", "{who}");
        assert_eq!(said(&g.person(who).wants_erased(&subject).await.expect_err(who)), "403 DENIED", "{who}");
    }
    let weak = g.with_token(g.issuer.token("alice"));
    let refused = weak.sees_personal_data(&subject).await.expect_err("no step-up");
    assert_eq!(said(&refused), "401 STEP_UP_REQUIRED");
    g.person("alice").sees_personal_data(&subject).await.expect("shown");
    let rest = g.app.rest();
    let request = rest
        .request(http::Method::GET, &format!("/api/v1/privacy/records?subject={subject}"))
        .header("authorization", format!("Bearer {}", g.person("bob").token()))
        .header("accept", "application/x-ndjson");
    let reply = rest.send(request.body(Default::default()).expect("a request")).await;
    assert_eq!((reply.status, reply.header("content-type")), (200, "application/x-ndjson"));
    let id = g.app.app.hosted.by_authority(AUTHORITY).expect("served");
    let seen = g.app.app.store.accesses(id, None, 0, 10).await.expect("read");
    let seen: Vec<_> = seen.iter().map(|a| (a.by.0, a.what.as_str(), a.at)).collect();
    let now = g.app.clock.now().micros();
    let staff = g.app.app.store.staff(id).await.expect("read");
    let (alice, bob) = (staff[0].id.0, staff[1].id.0);
    assert_eq!(seen, [(bob, "EXPORT_PERSONAL_DATA", now), (alice, "SHOW_PERSONAL_DATA", now)]);
}

#[tokio::test]
async fn nothing_is_erased_alone_or_from_somebody_in_office_or_around_the_program() {
    let g = Governed::start().await;
    let id = g.app.app.hosted.by_authority(AUTHORITY).expect("served").0;
    let staff = g.app.app.store.staff(RegistryId(id)).await.expect("read");
    let in_office = format!("staff:{}", staff.last().expect("a member").id);
    let refused = g.person("alice").wants_erased(&in_office).await.expect_err("in office");
    assert_eq!(said(&refused), "409 ILLEGAL_TRANSITION");
    let gone = dismissed(&g, NAME).await;
    let draft = g.person("alice").wants_erased(&format!("staff:{gone}")).await.expect("proposed");
    let refused = g.person("alice").approves(&draft).await.expect_err("alone");
    assert_eq!(said(&refused), "403 SELF_APPROVAL_FORBIDDEN");
    for bad in ["staff:0", "somebody", "entity:", "proposal:7", "staff:999"] {
        let refused = said(&g.person("alice").wants_erased(bad).await.expect_err(bad));
        assert!(matches!(refused.as_str(), "400 INVALID" | "404 NOT_FOUND"), "{bad} {refused}");
    }

    let url = g.app.database.url("charter_runtime");
    let client = charter_tests::database::connect(&url).await;
    client.batch_execute(&format!("set app.registry = '{id}'")).await.expect("the tenant");
    let mac = "00".repeat(32);
    let last = "(select max(seq) from events)";
    for sql in [
        format!("select erase_personal_data({id}, {last}, '{mac}')"),
        format!("select erase_personal_data({id}, 0, '{mac}')"),
        format!("call erase_restricted({id}, 'staff', '{gone}', 1)"),
        format!("call erase_requests({id}, 'staff', '{gone}', 1)"),
        "update requests set answer = ''".to_owned(),
        "delete from event_restricted".to_owned(),
        "update principals set subject = 'x'".to_owned(),
        "update accesses set by_staff = 1".to_owned(),
    ] {
        let refused = client.execute(&sql, &[]).await;
        assert!(refused.is_err(), "{sql}: {refused:?}");
    }
    assert_eq!(rows_with(&g, NAME).await, ["event_restricted", "principals", "proposals"]);
}
