//! A thousand marked strings, as somebody's name would be, through every door that takes text from staff and in all
//! else that a caller writes: none is found where the public, an operator or another process looks.

use std::{
    cell::Cell,
    collections::BTreeSet,
    io,
    sync::{Arc, Mutex},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use charter_proto::charter::registry::v1::{self as pb, propose_request::Change};
use charter_tests::{
    app::Build,
    database::{REDIS, told},
    governed::{Governed, ISSUER, Person, status},
    raw,
};
use http::{HeaderName, Method};
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use crate::privacy::rows_with;

const MARK: &str = "zaphodine";
const STRINGS: usize = 1_000;

/// Where a restricted text may stand: beside the events, under a number, with its proposal, in an answer kept for a day.
const KEPT_IN: [&str; 4] = ["event_restricted", "principals", "proposals", "requests"];

/// Everything that can be logged, ours at its finest.
const FILTER: &str = "debug,charter=trace";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn install() -> Self {
        let log = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(charter_server::telemetry::filter(FILTER))
            .with_ansi(false);
        subscriber.with_writer(log.clone()).try_init().expect("the first subscriber of this process");
        log
    }

    fn lines_with(&self, text: &str) -> Vec<String> {
        let bytes = self.0.lock().expect("not poisoned").clone();
        let all = String::from_utf8_lossy(&bytes).into_owned();
        all.lines().filter(|line| line.to_lowercase().contains(text)).map(str::to_owned).collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("not poisoned").extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// The mark as it is, and inside of base64 wherever it begins.
fn forms() -> Vec<String> {
    let shifted = (0..3_usize).map(|before| {
        let text = URL_SAFE_NO_PAD.encode([&b"xxx"[..before], MARK.as_bytes()].concat());
        let (first, end) = ((8 * before).div_ceil(6), 8 * (before + MARK.len()) / 6);
        text[first..end].to_owned()
    });
    std::iter::once(MARK.to_owned()).chain(shifted).collect()
}

/// Hands out strings, no two alike.
#[derive(Default)]
struct Planter(Cell<usize>);

impl Planter {
    fn next(&self) -> String {
        self.0.set(self.0.get() + 1);
        format!("{MARK}-{:04}-doe", self.0.get())
    }
}

/// A proposal with a reason of its own, and an id, so that its answer is kept.
async fn proposes(person: &Person<'_>, change: Change, reason: String, validate_only: bool) -> pb::Proposal {
    let request = pb::ProposeRequest {
        request_id: format!("019aa5c0-0000-7000-8000-00000000{}", &reason[MARK.len() + 1..MARK.len() + 5]),
        etag: person.etag_of(&change).await.expect("read"),
        reason,
        change: Some(change),
        validate_only,
        ..Default::default()
    };
    let reply = person.client().propose(person.signed(request)).await.expect("proposed");
    reply.into_inner().proposal.expect("a proposal")
}

/// Reasons of proposals, of what became of them, and of those only checked.
async fn reasons(g: &Governed, plant: &Planter) {
    let (olga, anna) = (g.person("olga"), g.person("anna"));
    for n in 0..60 {
        let change = status(ISSUER, "SUSPENDED");
        proposes(&olga, change.clone(), plant.next(), true).await;
        let draft = proposes(&olga, change.clone(), plant.next(), false).await;
        let path = format!("/api/v1/proposals/{}", draft.proposal_id);
        let rest = json!({ "reason": plant.next() }).to_string();
        let seen = [("if-match", draft.etag.as_str())];
        match n % 4 {
            0 => drop(anna.refuses(&draft, &plant.next()).await.expect("refused")),
            1 => assert_eq!(
                olga.sends_with(&seen, "POST", &format!("{path}:withdraw"), rest).await.status,
                200
            ),
            2 => {
                let reply = anna.sends_with(&seen, "POST", &format!("{path}:refuse"), rest).await;
                assert_eq!(reply.status, 200);
            }
            _ => {
                let proposal =
                    pb::ProposeRequest { reason: plant.next(), change: Some(change), ..Default::default() };
                let (proposal_id, etag) = (draft.proposal_id, draft.etag);
                let request = pb::AmendProposalRequest {
                    proposal_id,
                    proposal: Some(proposal),
                    etag,
                    ..Default::default()
                };
                olga.client().amend_proposal(olga.signed(request)).await.expect("amended");
            }
        }
    }
    for state in ["SUSPENDED", "ACTIVE", "SUSPENDED", "ACTIVE"] {
        let draft = proposes(&olga, status(ISSUER, state), plant.next(), false).await;
        anna.approves(&draft).await.expect("approved");
    }
    let etag = olga.etag_of(&status(ISSUER, "SUSPENDED")).await.expect("read");
    for _ in 0..20 {
        let body = json!({ "reason": plant.next(), "change": { "change_status": {
            "entity_id": ISSUER, "state": "SUSPENDED", "code": "TESTED", "hearing_waived": "URGENT",
            "legal_basis": "Act 1" } } });
        let seen = [("if-match", etag.as_str())];
        assert_eq!(olga.sends_with(&seen, "POST", "/api/v1/proposals", body.to_string()).await.status, 200);
    }
}

/// Persons who are appointed, or not, and sign in; some are dismissed and erased, with reasons.
async fn persons(g: &Governed, plant: &Planter) {
    let (alice, bob) = (g.person("alice"), g.person("bob"));
    for n in 0..30 {
        let subject = plant.next();
        let roles = vec!["AUDITOR".to_owned()];
        let person_key = plant.next();
        let appoint = pb::AppointStaff {
            issuer: g.issuer.url(),
            subject: subject.clone(),
            roles,
            service: false,
            person_key,
        };
        let draft = proposes(&alice, Change::Appoint(appoint), plant.next(), false).await;
        if n % 2 == 0 {
            bob.refuses(&draft, &plant.next()).await.expect("refused");
            continue;
        }
        let staff_id = bob.approves(&draft).await.expect("approved").seq;
        g.person(&subject).reads_events("staff").await.expect("they read");
        if n % 5 == 0 {
            let dismiss = Change::Dismiss(pb::DismissStaff { staff_id });
            let draft = proposes(&alice, dismiss, plant.next(), false).await;
            bob.approves(&draft).await.expect("dismissed");
            let erase = pb::ErasePersonalData {
                subject: format!("staff:{staff_id}"),
                basis: "GDPR art. 17".to_owned(),
            };
            let draft = proposes(&alice, Change::ErasePersonalData(erase), plant.next(), false).await;
            bob.approves(&draft).await.expect("erased");
        }
    }
    for n in 0..40 {
        let claims = match n % 3 {
            0 => json!({ "sub": plant.next() }),
            1 => {
                json!({ "sub": "olga", "name": plant.next(), "email": format!("{}@doe.example", plant.next()) })
            }
            _ => json!({ "sub": "olga", "aud": plant.next() }),
        };
        let somebody = g.with_token(g.issuer.with(claims));
        let _ = somebody.lists("").await;
        let _ = somebody.sends("POST", "/api/v1/proposals", &json!({ "reason": plant.next() })).await;
    }
}

/// Bodies that are not what they should be.
async fn malformed(g: &Governed, plant: &Planter) {
    let draft = g.person("olga").proposes(status(ISSUER, "SUSPENDED")).await.expect("proposed");
    let path = |verb: &str| format!("/api/v1/proposals/{}:{verb}", draft.proposal_id);
    let routes = ["approve", "amend", "refuse", "withdraw"].map(path).into_iter();
    for route in routes.chain(["/api/v1/proposals".to_owned(), "/api/v1/emergency-suspensions".to_owned()]) {
        for who in ["alice", "stranger"] {
            let p = || plant.next();
            for body in [
                json!({ "reason": p(), "change": {} }).to_string(),
                json!({ "reason": { p(): p() } }).to_string(),
                json!({ p(): 1 }).to_string(),
                json!(p()).to_string(),
                format!("{{\"reason\":\"{}", p()),
                format!("{{\"reason\":\"{}\u{0}\"}}", p()),
                json!({ "reason": p(), "change": { p(): {} } }).to_string(),
                json!({ "change": { "dismiss": { "staff_id": p() } } }).to_string(),
                json!({ "change": { "appoint": { "issuer": p(), "subject": p(), "roles": [p()] } } })
                    .to_string(),
                json!({ "hash": p() }).to_string(),
                json!({ "entity_id": p(), "code": p() }).to_string(),
                json!({ "reason": p().repeat(100), "change": {} }).to_string(),
            ] {
                assert_ne!(g.person(who).sends_text("POST", &route, body).await.status, 200);
            }
        }
    }
}

/// Paths, parameters and headers; over gRPC ids, states, metadata, methods and bytes.
async fn surroundings(g: &Governed, plant: &Planter) {
    let aino = g.person("alice");
    for template in [
        "/X",
        "/X/y",
        "/r/X/metadata",
        "/entities/X",
        "/api/v1/X",
        "/api/v1/proposals/X",
        "/api/v1/proposals?state=X",
        "/api/v1/proposals?page_token=X",
        "/api/v1/events?subject=did:web:X.example",
        "/api/v1/events?actor=X",
        "/api/v1/events?kind=X",
        "/api/v1/events?X=1",
        "/api/v1/events?from=X",
        "/api/v1/accesses?by=X",
        "/api/v1/privacy/records?subject=staff:X",
        "/api/v1/privacy/records?subject=entity:did:web:X.example",
        "/api/v1/issuers/did:web:X.example",
    ] {
        for method in ["GET", "POST", "DELETE"] {
            aino.sends_text(method, &template.replace('X', &plant.next()), String::new()).await;
        }
    }
    let names = [
        "authorization",
        "x-request-id",
        "user-agent",
        "traceparent",
        "tracestate",
        "baggage",
        "charter-registry",
        "x-forwarded-for",
        "accept",
        "content-type",
        "cookie",
        "if-match",
        "idempotency-key",
        "referer",
        "origin",
    ];
    let rest = g.app.rest();
    for name in names.map(HeaderName::from_static) {
        for path in ["/api/v1/staff", "/authorization", "/metadata", "/nowhere"] {
            let request = rest.request(Method::GET, path).header(&name, plant.next());
            rest.send(request.body(Bytes::new().into()).expect("a request")).await;
            let method = format!("charter.registry.v1.{}/GetEntity", plant.next());
            let value = plant.next();
            let metadata = [(name.as_str(), value.as_str())];
            let metadata = if name == "content-type" { &[][..] } else { &metadata[..] };
            raw::call(&g.app, &method, metadata, raw::framed(plant.next().as_bytes())).await;
        }
    }
    for _ in 0..10 {
        let p = || plant.next();
        let get = pb::GetProposalRequest { registry_id: p(), proposal_id: p() };
        assert!(aino.client().get_proposal(aino.signed(get)).await.is_err());
        let get = pb::GetProposalRequest { proposal_id: p(), ..Default::default() };
        assert!(aino.client().get_proposal(aino.signed(get)).await.is_err());
        assert!(aino.lists(&p()).await.is_err());
        assert!(aino.suspends_at_once(&format!("did:web:{}.example", p())).await.is_err());
        assert!(aino.sees_personal_data(&format!("entity:did:web:{}.example", p())).await.is_err());
        let list = pb::ListEventsRequest { kind: p(), origin: p(), ..Default::default() };
        assert!(aino.client().list_events(aino.signed(list)).await.is_err());
    }
}

/// What anybody asks: counted by outcome.
async fn questions(g: &Governed, plant: &Planter) {
    let anybody = g.app.anonymous();
    assert_eq!(
        anybody.asks(ISSUER, "issue", "Degree").with("evidence", "chain").both().await.line(),
        "200 yes ACTIVE"
    );
    anybody.asks(ISSUER, "issue", "Degree").both().await;
    for _ in 0..20 {
        anybody.asks(&format!("did:web:{}.example", plant.next()), "issue", "Degree").both().await;
        anybody.asks(ISSUER, "issue", &plant.next()).both().await;
    }
}

/// Answers that anybody gets.
async fn public(g: &Governed) -> String {
    let rest = g.app.rest();
    let mut all = String::new();
    for path in [
        "/metadata",
        "/.well-known/trqp-metadata",
        "/.well-known/trust-anchors",
        "/.well-known/openid-federation",
        "/.well-known/did.json",
        &format!("/api/v1/issuers/{ISSUER}"),
        "/readyz",
    ] {
        let reply = rest.get(path).await;
        assert!(reply.status < 500, "{path}");
        all += &reply.text();
    }
    let said = g.app.anonymous().asks(ISSUER, "issue", "Degree").with("evidence", "chain").both().await;
    assert!(!said.chain.is_empty());
    all += &said.chain.join(" ");
    // As `Watch` sends them to anybody.
    for event in g.person("aino").reads_events("").await.expect("read") {
        all += &event.to_string();
    }
    all
}

async fn in_redis() -> Vec<(String, Option<Vec<u8>>)> {
    let client = redis::Client::open(told(REDIS)).expect("a URL");
    let mut connection = client.get_multiplexed_async_connection().await.expect("connected");
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut connection).await.expect("keys");
    let mut all = Vec::new();
    for key in keys {
        let value = redis::cmd("GET").arg(&key).query_async(&mut connection).await.expect("a string");
        all.push((key, value));
    }
    all
}

#[tokio::test]
async fn a_thousand_names_stay_where_they_belong() {
    let log = Log::install();
    let g = Governed::start_as(Build::redis).await;
    let plant = Planter::default();
    questions(&g, &plant).await;
    reasons(&g, &plant).await;
    persons(&g, &plant).await;
    malformed(&g, &plant).await;
    surroundings(&g, &plant).await;
    assert!(plant.0.get() >= STRINGS, "{} strings", plant.0.get());

    let (forms, public) = (forms(), public(&g).await);
    let mut tables = BTreeSet::new();
    for form in &forms {
        assert!(!public.contains(form.as_str()), "{form} in a public answer");
        tables.extend(rows_with(&g, form).await);
    }
    assert_eq!(tables.iter().map(String::as_str).collect::<Vec<_>>(), KEPT_IN);

    let redis = in_redis().await;
    assert!(redis.iter().any(|(_, value)| value.is_some()), "nothing is kept in Redis");
    for (key, value) in redis {
        let found = value.is_some_and(|v| v.windows(MARK.len()).any(|w| w == MARK.as_bytes()));
        assert!(!found && !key.contains(MARK), "{key}");
    }

    let metrics = g.app.rest().get("/metrics").await.text();
    assert!(metrics.contains("charter_decisions_total") && !metrics.contains(MARK));
    for line in metrics.lines().filter(|l| l.starts_with("charter_decisions_total")) {
        assert!(!line.contains("did:"), "counts only: {line}");
    }

    assert!(!log.lines_with("answered").is_empty(), "requests are logged");
    let found = log.lines_with(MARK);
    assert_eq!(found.iter().take(5).collect::<Vec<_>>(), Vec::<&String>::new(), "{} lines", found.len());
}
