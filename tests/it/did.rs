//! DIDs: what a resolver says of them, whose documents are fetched, what is asked of those of entities, and what changes.

use std::{sync::Arc, time::Duration};

use charter_domain::event::Identifier;
use charter_proto::charter::registry::v1 as pb;
use charter_server::tasks;
use charter_tests::{
    AUTHORITY, TestApp, TestClock, app::SETTINGS, governed::Governed, issuer::Issuer, rest::Reply,
};
use serde_json::{Value, json};

mod site;

use self::site::Site;

const KEY: &str = "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp";
const P256: &str = "did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169";
const RESULT: &str = "application/did-resolution";

fn settings(dids: &str) -> String {
    format!("{SETTINGS}\ndids = {{ allow_loopback = true, {dids} }}\n")
}

async fn resolves(app: &TestApp, did: &str) -> (u16, Value) {
    let reply = app.rest().get(&format!("/1.0/identifiers/{did}")).await;
    assert_eq!(reply.header("content-type"), RESULT, "{did}");
    (reply.status, reply.json())
}

/// Status, and the name of the error.
async fn fails(app: &TestApp, did: &str) -> (u16, String) {
    let (status, result) = resolves(app, did).await;
    assert_eq!(result["didDocument"], Value::Null, "{did}");
    let kind = result["didResolutionMetadata"]["error"]["type"].as_str().expect("an error").to_owned();
    (status, kind.strip_prefix("https://www.w3.org/ns/did#").expect("a name of the standard").to_owned())
}

fn of(code: u16, name: &str) -> (u16, String) {
    (code, name.to_owned())
}

#[tokio::test]
async fn keys_and_the_authority_itself_need_no_fetching() {
    let app = TestApp::build()
        .registry(AUTHORITY)
        .details("governance_framework = \"https://framework.example/\"")
        .settings(&settings("resolve = \"off\""))
        .start()
        .await;
    let (status, result) = resolves(&app, KEY).await;
    assert_eq!(status, 200);
    assert_eq!(result["didDocument"]["id"], KEY);
    assert_eq!(result["didResolutionMetadata"], json!({ "contentType": "application/did" }));
    assert_eq!(result["didDocumentMetadata"], json!({}));
    let own = app.rest().get("/.well-known/did.json").await.json();
    assert_eq!(
        resolves(&app, AUTHORITY).await,
        (
            200,
            json!({
                "didDocument": own, "didResolutionMetadata": { "contentType": "application/did" }, "didDocumentMetadata": {},
            })
        )
    );
    assert_eq!(app.rest().get("/r/r0/did.json").await.json(), own);
    let services = own["service"].as_array().expect("services").iter();
    let told: Vec<(&str, &str)> =
        services.filter_map(|s| Some((s["type"].as_str()?, s["serviceEndpoint"].as_str()?))).collect();
    let url = app.app.config.registries[0].public_url.as_str();
    let framework = "https://framework.example/";
    assert_eq!(told, [("TRQP", url), ("CharterGrpc", url), ("GovernanceFramework", framework)]);
}

#[tokio::test]
async fn the_document_comes_alone_to_who_asks_for_it_so() {
    let app = TestApp::start().await;
    for (accept, media) in [
        ("application/did+ld+json", "application/did+ld+json"),
        ("application/did+json;q=0.5, text/html", "application/did+json"),
        ("text/html, application/did", "application/did"),
        ("*/*", RESULT),
        ("application/did-resolution", RESULT),
    ] {
        let reply = asks(&app, KEY, accept).await;
        assert_eq!((reply.status, reply.header("content-type")), (200, media), "{accept}");
        assert_eq!(reply.json().get("didDocument").is_some(), media == RESULT, "{accept}");
    }
    let reply = asks(&app, KEY, "text/html").await;
    assert_eq!(reply.status, 406);
    let error = &reply.json()["didResolutionMetadata"]["error"];
    assert_eq!(error["type"], "https://www.w3.org/ns/did#REPRESENTATION_NOT_SUPPORTED");
}

async fn asks(app: &TestApp, did: &str, accept: &str) -> Reply {
    let request = app.rest().request(http::Method::GET, &format!("/1.0/identifiers/{did}"));
    let request = request.header("accept", accept).body(http_body_util::Full::default());
    app.rest().send(request.expect("a request")).await
}

#[tokio::test]
async fn what_is_no_did_or_no_option_is_said_in_the_words_of_the_standard() {
    let app = TestApp::build().settings(&settings("resolve = \"any\"")).start().await;
    for bad in [
        "x",
        "did:web:127.0.0.1",
        "did:web:a.example%2Fx",
        "did:web:u%40a.example",
        "did:web:a.example:..:x",
        "did:web:A.example",
        "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooW",
        "did:jwk:e30",
        "%FF",
    ] {
        assert_eq!(fails(&app, bad).await, of(400, "INVALID_DID"), "{bad}");
    }
    for bad in ["did:ethr:0xab", "did:ebsi:zZeKyEJfUTGwajhNyNX928z"] {
        assert_eq!(fails(&app, bad).await, of(501, "METHOD_NOT_SUPPORTED"), "{bad}");
    }
    for (option, status, name) in [
        ("versionId=1", 501, "FEATURE_NOT_SUPPORTED"),
        ("expandRelativeUrls=true", 501, "FEATURE_NOT_SUPPORTED"),
        ("versionTime=2026-01-01T00:00:00Z", 501, "FEATURE_NOT_SUPPORTED"),
        ("versionTime=yesterday", 400, "INVALID_OPTIONS"),
        ("noCache=1", 400, "INVALID_OPTIONS"),
        ("noCache=true&noCache=true", 400, "INVALID_OPTIONS"),
        ("surprise=1", 400, "INVALID_OPTIONS"),
    ] {
        assert_eq!(fails(&app, &format!("{KEY}?{option}")).await, of(status, name), "{option}");
    }
    assert_eq!(resolves(&app, &format!("{KEY}?noCache=true&expandRelativeUrls=false")).await.0, 200);
    assert_eq!(resolves(&app, &KEY.replace(':', "%3A")).await.0, 200, "encoded once");
}

#[tokio::test]
async fn a_site_is_asked_once_and_only_for_what_is_registered() {
    let site = Site::start().await;
    let did = site.did("known");
    let app = TestApp::build().settings(&settings("resolve = \"known\"")).start().await;
    assert_eq!(fails(&app, &did).await, of(501, "FEATURE_NOT_SUPPORTED"));
    app.registry(AUTHORITY).registers(&did).await;
    for _ in 0..3 {
        let (status, result) = resolves(&app, &did).await;
        assert_eq!((status, &result["didDocument"]["id"]), (200, &json!(did)));
    }
    assert_eq!(site.asked(), ["/known/did.json"]);
    app.clock.advance(Duration::from_secs(301));
    resolves(&app, &did).await;
    assert_eq!(site.asked().len(), 2, "a document is kept for five minutes");
}

#[tokio::test]
async fn a_site_that_misleads_has_no_document() {
    let site = Site::start().await;
    let app = TestApp::build().settings(&settings("resolve = \"any\"")).start().await;
    for (name, status, error) in [
        ("absent", 404, "NOT_FOUND"),
        ("other", 500, "INVALID_DID_DOCUMENT"),
        ("broken", 500, "INVALID_DID_DOCUMENT"),
        ("doubled", 500, "INVALID_DID_DOCUMENT"),
        ("deep", 500, "INVALID_DID_DOCUMENT"),
        ("large", 500, "INTERNAL_ERROR"),
        ("redirect", 500, "INTERNAL_ERROR"),
        ("failing", 500, "INTERNAL_ERROR"),
    ] {
        assert_eq!(fails(&app, &site.did(name)).await, of(status, error), "{name}");
    }
    assert!(!site.asked().contains(&"/known/did.json".to_owned()), "no redirect is followed");
    for gone in ["gone", "over"] {
        let (status, result) = resolves(&app, &site.did(gone)).await;
        let metadata = json!({ "deactivated": true });
        assert_eq!((status, &result["didDocumentMetadata"]), (410, &metadata), "{gone}");
    }
}

#[tokio::test]
async fn a_slow_site_holds_nobody_up_for_longer_than_two_seconds() {
    let site = Site::start().await;
    let app = TestApp::build().settings(&settings("resolve = \"any\"")).start().await;
    let began = std::time::Instant::now();
    assert_eq!(fails(&app, &site.did("slow")).await, of(500, "INTERNAL_ERROR"));
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}

#[tokio::test]
async fn off_loopback_no_port_is_taken_and_no_address_inside_is_reached() {
    let site = Site::start().await;
    let plain = format!("{SETTINGS}\ndids = {{ resolve = \"any\" }}\n");
    let inside: charter_server::outbox::Lookup =
        Arc::new(|_| Box::pin(async { Ok(vec![std::net::IpAddr::from([127, 0, 0, 1])]) }));
    let app = TestApp::build().settings(&plain).lookup(inside).start().await;
    assert_eq!(fails(&app, &site.did("known")).await, of(400, "INVALID_DID"));
    assert_eq!(fails(&app, "did:web:rebound.example").await, of(500, "INTERNAL_ERROR"));
    assert!(site.asked().is_empty());
}

#[tokio::test]
async fn an_entity_without_a_site_has_its_document_here() {
    let app = TestApp::start().await;
    let did = format!("{AUTHORITY}:e:college");
    let also = |value: &str| Identifier { r#type: "did".to_owned(), value: value.to_owned() };
    let registry = app.registry(AUTHORITY);
    registry.registers(&did).with(|r| r.identifiers = vec![also(KEY), also(P256)]).await;
    let document = app.rest().get("/e/college/did.json").await;
    assert_eq!(document.status, 200);
    let document = document.json();
    assert_eq!(document["id"], did);
    assert_eq!(document["alsoKnownAs"], json!([KEY, P256]));
    let curves: Vec<&Value> = document["verificationMethod"]
        .as_array()
        .expect("keys")
        .iter()
        .map(|m| &m["publicKeyJwk"]["crv"])
        .collect();
    assert_eq!(curves, ["Ed25519", "P-256"]);
    assert_eq!(resolves(&app, &did).await.1["didDocument"], document);
    for nobody in ["/e/nobody/did.json", "/e/..%2Fcollege/did.json", "/e/a%3Ab/did.json", "/e/%FF/did.json"] {
        let status = app.rest().get(nobody).await.status;
        assert!(matches!(status, 400 | 404), "{nobody} {status}");
    }
    assert_eq!(fails(&app, &format!("{AUTHORITY}:e:nobody")).await, of(404, "NOT_FOUND"));
    registry.revokes(&did).await;
    assert_eq!(app.rest().get("/e/college/did.json").await.status, 410);
    assert_eq!(resolves(&app, &did).await.0, 410);
}

#[tokio::test]
async fn dids_that_do_not_hold_are_not_registered_where_that_is_asked_for() {
    let site = Site::start().await;
    let (good, bad, keyless) = (site.did("known"), site.did("absent"), site.did("keyless"));
    let hosted = format!("{AUTHORITY}:e:college");
    for (check, taken) in [("off", 5), ("warn", 5), ("require", 3)] {
        let dids = format!("check = \"{check}\"");
        let app = TestApp::build().settings(&settings(&dids)).start().await;
        let registry = app.registry(AUTHORITY);
        let record = |id: &str| charter_domain::record::RawRecord {
            identifier: id.to_owned(),
            names: [("en".to_owned(), "A".to_owned())].into(),
            country: "FI".to_owned(),
            ..Default::default()
        };
        let ids = [good.as_str(), bad.as_str(), keyless.as_str(), hosted.as_str(), KEY];
        let rows = ids.into_iter().zip(1..).map(|(id, line)| (line, record(id))).collect();
        let replies = registry.loads(rows, true).await.expect("judged");
        let refused: Vec<u32> = replies[0].errors.iter().map(|e| e.line).collect();
        assert_eq!(5 - refused.len(), taken, "{check}: {:?}", replies[0].errors);
        if check == "require" {
            assert_eq!(refused, [2, 3]);
            assert!(replies[0].errors[0].message.contains(bad.as_str()), "{:?}", replies[0].errors);
        }
    }
}

/// A sealed registry, with an officer and an auditor, whose first entity is a key.
async fn governed(dids: &str) -> Governed {
    let clock: Arc<TestClock> = Arc::default();
    let issuer = Issuer::start(&clock);
    let toml = format!("{}\n{}", settings(dids), issuer.toml());
    let app = TestApp::build().clock(&clock).settings(&toml).start().await;
    let registry = app.registry(AUTHORITY);
    registry.registers(KEY).await;
    let who = |subject: &str| pb::Administrator { issuer: issuer.url(), subject: subject.to_owned() };
    registry.seals_with(vec![who("alice"), who("bob")]).await.expect("sealed");
    let governed = Governed { app, issuer };
    governed.appoints("olga", &["OFFICER"], false).await;
    governed.appoints("aino", &["AUDITOR"], false).await;
    governed
}

#[tokio::test]
async fn a_proposal_with_a_did_that_does_not_resolve_is_refused() {
    let site = Site::start().await;
    let g = governed("check = \"require\"").await;
    let registers = |id: String| {
        pb::propose_request::Change::RegisterEntity(pb::RegisterEntity {
            identifier: id,
            names: [("en".to_owned(), "A".to_owned())].into(),
            country: "FI".to_owned(),
            ..Default::default()
        })
    };
    let adds = |id: String| {
        pb::propose_request::Change::CorrectEntity(pb::CorrectEntity {
            entity_id: KEY.to_owned(),
            add_identifiers: vec![pb::ImportIdentifier { r#type: "did".to_owned(), value: id }],
            ..Default::default()
        })
    };
    let olga = g.person("olga");
    for name in ["absent", "keyless", "other"] {
        for change in [registers(site.did(name)), adds(site.did(name))] {
            let refused = olga.proposes(change).await.expect_err("refused");
            assert_eq!(refused.code(), tonic::Code::InvalidArgument, "{refused:?}");
            assert!(refused.message().contains(&site.did(name)), "{refused:?}");
        }
    }
    olga.proposes(registers(site.did("known"))).await.expect("proposed");
    olga.proposes(adds(site.did("second"))).await.expect("proposed");
}

async fn found(g: &Governed, query: &str) -> Vec<Value> {
    let token = format!("Bearer {}", g.issuer.approver_token("aino"));
    let request = g.app.rest().request(http::Method::GET, &format!("/api/v1/dids{query}"));
    let request = request.header("authorization", token).body(http_body_util::Full::default());
    let reply = g.app.rest().send(request.expect("a request")).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["dids"].as_array().expect("a list").clone()
}

#[tokio::test]
async fn a_document_that_changes_is_noticed_and_silence_is_no_change() {
    let site = Site::start().await;
    let g = governed("watch_every_secs = 60").await;
    let (app, did) = (&g.app, site.did("known"));
    let registers = pb::RegisterEntity {
        identifier: did.clone(),
        names: [("en".to_owned(), "A".to_owned())].into(),
        country: "FI".to_owned(),
        ..Default::default()
    };
    g.appoints("anna", &["APPROVER"], false).await;
    let draft = g.person("olga").proposes(pb::propose_request::Change::RegisterEntity(registers)).await;
    g.person("anna").approves(&draft.expect("proposed")).await.expect("approved");
    tasks::dids::once(&app.app).await;
    tasks::dids::once(&app.app).await;
    assert_eq!(site.asked().len(), 1, "looked at a moment ago");
    let first = found(&g, "").await;
    assert_eq!(first.len(), 1, "keys do not change: {first:?}");
    assert_eq!((&first[0]["did"], &first[0]["outcome"]), (&json!(did), &json!("OK")));
    assert_eq!(found(&g, "?changed=true").await, [] as [Value; 0]);
    site.closes(true);
    app.clock.advance(Duration::from_secs(61));
    tasks::dids::once(&app.app).await;
    let silent = found(&g, "").await;
    assert_eq!((&silent[0]["outcome"], &silent[0]["finding"]), (&json!("UNREACHABLE"), &first[0]["finding"]));
    assert_eq!(silent[0]["changes"], 0);
    site.closes(false);
    site.changes("https://elsewhere.example");
    app.clock.advance(Duration::from_secs(61));
    tasks::dids::once(&app.app).await;
    let changed = found(&g, "?changed=true").await;
    assert_eq!(changed.len(), 1);
    assert_eq!((&changed[0]["changes"], &changed[0]["changed_at"]), (&json!(1), &changed[0]["checked_at"]));
    assert_ne!(changed[0]["finding"], first[0]["finding"]);
    assert_eq!(site.asked().len(), 3);
}
