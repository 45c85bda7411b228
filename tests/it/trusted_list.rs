//! Signed lists of who may do what: they say what answers say, at once, and other programs can verify them.

use std::{io::Write as _, process::Stdio, time::Duration};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use charter_domain::{Timestamp, time::Clock as _};
use charter_proto::charter::registry::v1::set_status_request::Target;
use charter_server::app::lists::{Format, list};
use charter_tests::{AUTHORITY, TestApp, program, rest::Reply, terminal::Terminal};
use http::header;
use serde_json::{Value, json};

const ONE: &str = "did:web:one.example";
const TWO: &str = "did:web:two.example";
const LOTE: &str = "/lists/lote";
const RECOGNIZED: &str = "/lists/recognized-entities";

fn payload(reply: &Reply) -> Value {
    let text = reply.text();
    assert_eq!(reply.status, 200, "{text}");
    let part = text.split('.').nth(1).expect("three parts");
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON")
}

async fn lote(app: &TestApp) -> Value {
    payload(&app.rest().get(LOTE).await)["LoTE"].clone()
}

/// Status, last part, of each service: by the entity's first identifier and the service's type, last part.
fn services(lote: &Value) -> Vec<(String, String, String)> {
    let last = |v: &Value| v.as_str().and_then(|t| t.rsplit(':').next()).unwrap_or_default().to_owned();
    let entities = lote["TrustedEntitiesList"].as_array().into_iter().flatten();
    let all = entities.flat_map(|e| e["TrustedEntityServices"].as_array().into_iter().flatten());
    all.map(|service| {
        let s = &service["ServiceInformation"];
        let id = s["ServiceDigitalIdentity"]["OtherIds"][0].as_str().unwrap_or_default().to_owned();
        (id, last(&s["ServiceTypeIdentifier"]), last(&s["ServiceStatus"]))
    })
    .collect()
}

fn row(id: &str, resource: &str, status: &str) -> (String, String, String) {
    (id.to_owned(), resource.to_owned(), status.to_owned())
}

/// What `tests/second/jades.py`, which shares no code with this project, reads in a list.
fn second(token: &str) -> Value {
    let mut child = std::process::Command::new("python3")
        .arg(program::root().join("tests/second/jades.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 runs: `scripts/setup test`");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(token.as_bytes()).expect("written");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "it refuses the list");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn conforms(list: &Value) {
    let path = program::root().join("schemas/lote.schema.json");
    let schema: Value = serde_json::from_slice(&std::fs::read(path).expect("a schema")).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let faults: Vec<String> = validator.iter_errors(list).map(|e| e.to_string()).collect();
    assert!(faults.is_empty(), "{faults:?}");
}

#[tokio::test]
async fn a_list_is_verified_by_another_program_and_has_the_shape_of_the_standard() {
    let app = TestApp::start().await;
    let registry = app.registry(AUTHORITY);
    let empty = app.rest().get(LOTE).await;
    conforms(&payload(&empty));
    assert_eq!(payload(&empty)["LoTE"].get("TrustedEntitiesList"), None);
    registry.registers(ONE).authorized("issue", "Degree").authorized("verify", "Degree/Master").await;
    registry.registers(TWO).authorized("issue", "Diploma").within("FI-01").await;
    registry
        .registers("did:web:three.example")
        .authorized("issue", "Card")
        .provided("level", &["high"])
        .await;
    let reply = app.rest().get(LOTE).await;
    assert_eq!(
        (reply.header("content-type"), reply.header("cache-control")),
        ("application/jose", "no-cache")
    );
    let read = second(&reply.text());
    conforms(&read["payload"]);
    assert_eq!((&read["organization"], &read["country"]), (&json!(AUTHORITY), &json!("FI")));
    let list = &read["payload"]["LoTE"];
    let expected = [row(ONE, "Degree", "active"), row(ONE, "Degree%2FMaster", "active")];
    assert_eq!(services(list), expected, "what holds in part only is not listed");
    let scheme = &list["ListAndSchemeInformation"];
    assert_eq!(scheme["SchemeOperatorName"][0]["value"], AUTHORITY);
    assert_eq!(scheme["DistributionPoints"][0], format!("{}{LOTE}", public_url(&app)));
    let number = |list: &Value| list["ListAndSchemeInformation"]["LoTESequenceNumber"].as_i64();
    assert!(number(list) > number(&payload(&empty)["LoTE"]));
}

fn public_url(app: &TestApp) -> String {
    app.app.config.registries[0].public_url.clone()
}

#[tokio::test]
async fn no_list_says_active_after_a_revocation_was_acknowledged() {
    let app = TestApp::start().await;
    let registry = app.registry(AUTHORITY);
    registry.registers(ONE).authorized("issue", "Degree").await;
    let before = app.rest().get(LOTE).await;
    let tag = before.header("etag").to_owned();
    let asking = app.rest();
    let again = |tag: String| {
        let request = asking.request(http::Method::GET, LOTE).header(header::IF_NONE_MATCH, tag);
        asking.send(request.body(http_body_util::Full::default()).expect("a request"))
    };
    // Answers are asked for all the time, so that a list is being made or kept when the change comes.
    for (state, said) in [("SUSPENDED", "suspended"), ("ACTIVE", "active"), ("REVOKED", "revoked")] {
        let rest = app.rest();
        let busy = tokio::spawn(async move {
            loop {
                rest.get(LOTE).await;
            }
        });
        app.clock.advance(Duration::from_secs(1));
        registry.sets(Target::EntityId(ONE.to_owned()), state).await;
        let now = lote(&app).await;
        assert_eq!(services(&now), [row(ONE, "Degree", said)], "acknowledged before");
        busy.abort();
    }
    assert_eq!(again(tag).await.status, 200, "it is another list");
    let newest = app.rest().get(LOTE).await;
    let same = again(newest.header("etag").to_owned()).await;
    assert_eq!((same.status, same.body.len()), (304, 0));
    let history = &lote(&app).await["TrustedEntitiesList"][0]["TrustedEntityServices"][0]["ServiceHistory"];
    let states: Vec<_> = history.as_array().expect("a history").iter().map(|h| &h["ServiceStatus"]).collect();
    let state = |code: &str| json!(format!("urn:charter:status:{code}"));
    assert_eq!(states, [&state("active"), &state("suspended"), &state("active")]);
}

#[tokio::test]
async fn a_kept_list_is_asked_about_where_the_lease_is_lost() {
    let app = TestApp::start().await;
    let registry = app.registry(AUTHORITY);
    registry.registers(ONE).authorized("issue", "Degree").await;
    let id = app.app.hosted.by_authority(AUTHORITY).expect("a registry");
    let kept = list(&app.app, id, Format::Lote).await.expect("a list");
    assert_eq!(list(&app.app, id, Format::Lote).await.expect("a list").bytes, kept.bytes, "it is kept");
    registry.revokes(ONE).await;
    app.app.register.drop_lease();
    let now = list(&app.app, id, Format::Lote).await.expect("a list");
    assert_ne!(now.etag, kept.etag);
    assert_eq!(services(&lote(&app).await), [row(ONE, "Degree", "revoked")]);
}

#[tokio::test]
async fn time_ends_a_list_as_it_ends_what_is_in_it() {
    let app = TestApp::start().await;
    let registry = app.registry(AUTHORITY);
    let end = app.clock.now().plus(Duration::from_secs(600));
    registry.registers(ONE).authorized("issue", "Degree").valid("", &end.to_string()).await;
    let before = lote(&app).await;
    assert_eq!(services(&before), [row(ONE, "Degree", "active")]);
    let service = &before["TrustedEntitiesList"][0]["TrustedEntityServices"][0]["ServiceInformation"];
    assert_eq!(service["ServiceInformationExtensions"][0]["ValidUntil"], end.to_string());
    let time = |list: &Value, name: &str| {
        let text = list["ListAndSchemeInformation"][name].as_str().expect("a time").to_owned();
        Timestamp::parse(&text).expect("a time")
    };
    assert!(time(&before, "NextUpdate") <= end, "nobody may hold it for good after that");
    app.clock.set(end);
    let after = lote(&app).await;
    assert_eq!(services(&after), [row(ONE, "Degree", "expired")]);
    assert!(time(&after, "ListIssueDateTime") >= end);
    assert!(time(&after, "NextUpdate") > end);
    let lifetime = Duration::from_secs(app.app.config.documents.lifetime_secs);
    app.clock.advance(lifetime);
    assert!(time(&lote(&app).await, "NextUpdate") > app.clock.now(), "it is issued again in time");
}

#[tokio::test]
async fn recognized_entities_are_those_that_may_now() {
    let app = TestApp::start().await;
    let registry = app.registry(AUTHORITY);
    assert_eq!(app.rest().get(RECOGNIZED).await.problem(), (404, "NOT_FOUND".to_owned()));
    registry.registers(ONE).authorized("issue", "Degree").await;
    registry.registers(TWO).authorized("issue", "Diploma").await;
    registry.registers("plain-name").authorized("issue", "Degree").await;
    registry.suspends(TWO).await;
    let reply = app.rest().get(RECOGNIZED).await;
    assert_eq!(reply.header("content-type"), "application/vc+jwt");
    let id = app.app.hosted.by_authority(AUTHORITY).expect("a registry");
    let keys = app.app.hosted.keys(id).await.expect("keys");
    charter_signing::jws::verify(&reply.text(), "vc+jwt", &keys).expect("verified with the registry's key");
    let credential = payload(&reply);
    assert_eq!(credential["type"], json!(["VerifiableCredential", "RecognizedEntityCredential"]));
    assert_eq!(credential["issuer"]["id"], AUTHORITY);
    let subjects = credential["credentialSubject"].as_array().expect("subjects");
    assert_eq!(subjects.len(), 1, "the suspended one is none, nor is one without a URL");
    assert_eq!((&subjects[0]["id"], &subjects[0]["type"]), (&json!(ONE), &json!("RecognizedEntity")));
    let action = &subjects[0]["recognizedTo"][0];
    assert_eq!((&action["action"], &action["recognizedBy"]), (&json!("issue"), &json!(AUTHORITY)));
    assert_eq!(action["outputValidation"]["name"], "Degree", "never a recognition for anything at all");
}

#[tokio::test]
async fn each_registry_has_its_own_lists_and_parameters_are_refused() {
    let app = TestApp::build().registry(AUTHORITY).registry("did:web:other.example").start().await;
    app.registry(AUTHORITY).registers(ONE).authorized("issue", "Degree").await;
    app.registry("did:web:other.example").registers(TWO).authorized("issue", "Degree").await;
    let rest = app.rest();
    for (path, id) in [(LOTE.to_owned(), ONE), (format!("/r/r1{LOTE}"), TWO)] {
        let list = payload(&rest.get(&path).await)["LoTE"].clone();
        assert_eq!(services(&list), [row(id, "Degree", "active")], "{path}");
    }
    for path in [LOTE, RECOGNIZED] {
        let reply = rest.get(&format!("{path}?limit=1")).await;
        assert_eq!(reply.problem(), (400, "INVALID".to_owned()), "{path}");
    }
}

/// The certificate in the header of a list, as PEM.
fn signer(token: &str) -> String {
    let header =
        BASE64_URL_SAFE_NO_PAD.decode(token.split('.').next().expect("a header")).expect("base64url");
    let header: Value = serde_json::from_slice(&header).expect("JSON");
    let der = header["x5c"][0].as_str().expect("a certificate").as_bytes();
    let lines: Vec<_> = der.chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

/// Paths in the home of a terminal, and what is written there.
fn kept(terminal: &Terminal, files: &[(&str, &str)]) -> Vec<String> {
    let path = |name: &str| terminal.home().join(name);
    files.iter().for_each(|(name, text)| std::fs::write(path(name), text).expect("written"));
    files.iter().map(|(name, _)| path(name).display().to_string()).collect()
}

#[tokio::test]
async fn what_one_registry_lists_another_takes_over_with_the_same_answers() {
    let app = TestApp::start().await;
    let registry = app.registry(AUTHORITY);
    registry.registers(ONE).authorized("issue", "Degree").authorized("verify", "a/b:c").await;
    registry.registers(TWO).authorized("issue", "Degree").await;
    registry.registers("did:web:three.example").authorized("issue", "Degree").within("FI-01").await;
    registry.registers("did:web:four.example").authorized("issue", "Degree").within("FI").await;
    app.clock.advance(Duration::from_secs(1));
    registry.suspends(TWO).await;
    let token = app.rest().get(LOTE).await.text();
    let other = TestApp::start().await;
    // What is listed as suspended is so from then on: not before this clock has come as far.
    other.clock.advance(Duration::from_secs(1));
    let terminal = Terminal::default();
    let pem = signer(&token);
    let files = kept(
        &terminal,
        &[("list.jws", token.as_str()), ("signer.pem", pem.as_str()), ("token", other.token.as_str())],
    );
    let report = terminal.home().join("report.json").display().to_string();
    let url = other.url();
    let args = [
        "import",
        "--server",
        &url,
        "--format",
        "lote",
        "--signer",
        &files[1],
        "--token-file",
        &files[2],
        "--report",
        &report,
        &files[0],
    ];
    let dry = terminal.charter(&[&args[..], &["--dry-run"]].concat()).await;
    assert!(dry.out.contains("would load 3, failed 0"), "{} {}", dry.out, dry.err);
    let done = terminal.charter(&args).await;
    assert_eq!((done.code, done.out.trim()), (0, "loaded 3, failed 0"), "{}", done.err);
    for (entity, action, resource, yes) in [
        (ONE, "issue", "Degree", true),
        (ONE, "verify", "a/b:c", true),
        (ONE, "verify", "Degree", false),
        (TWO, "issue", "Degree", false),
        ("did:web:four.example", "issue", "Degree", true),
    ] {
        for server in [&app, &other] {
            let said = server.anonymous().asks(entity, action, resource).both().await;
            assert_eq!(said.yes, yes, "{entity} {action} {resource}: {}", said.line());
        }
    }
    for server in [&app, &other] {
        let abroad =
            server.anonymous().asks("did:web:four.example", "issue", "Degree").with("jurisdiction", "SE");
        assert_eq!(abroad.both().await.line(), "200 no OUT_OF_JURISDICTION");
    }
    let unlisted = other.anonymous().asks("did:web:three.example", "issue", "Degree").both().await;
    assert_eq!(unlisted.line(), "404 UNKNOWN_ENTITY", "it was never said of all of the territory");
    let report: Value = serde_json::from_slice(&std::fs::read(&report).expect("a report")).expect("JSON");
    assert_eq!(
        (&report["entities"], &report["records"], &report["authorizations"]),
        (&json!(3), &json!(3), &json!(4))
    );
    assert!(report["counts"].as_array().is_some_and(|counts| !counts.is_empty()), "{report}");
}

#[tokio::test]
async fn a_list_of_another_signer_or_with_another_byte_loads_nothing() {
    let (app, stranger) = (TestApp::start().await, TestApp::start().await);
    app.registry(AUTHORITY).registers(ONE).authorized("issue", "Degree").await;
    let token = app.rest().get(LOTE).await.text();
    let theirs = signer(&stranger.rest().get(LOTE).await.text());
    let at = token.find('.').expect("a dot") + 30;
    let other = if token.as_bytes()[at] == b'A' { "B" } else { "A" };
    let altered = format!("{}{other}{}", &token[..at], &token[at + 1..]);
    let terminal = Terminal::default();
    let pem = signer(&token);
    let named = [
        ("list.jws", token.as_str()),
        ("signer.pem", pem.as_str()),
        ("stranger.pem", theirs.as_str()),
        ("altered.jws", altered.as_str()),
        ("token", stranger.token.as_str()),
    ];
    let files = kept(&terminal, &named);
    let url = stranger.url();
    for (list, signer) in [(0, 2), (3, 1)] {
        let args = [
            "import",
            "--server",
            &url,
            "--token-file",
            &files[4],
            "--format",
            "lote",
            "--signer",
            &files[signer],
        ];
        let done = terminal.charter(&[&args[..], &[files[list].as_str()]].concat()).await;
        assert_eq!(done.code, 5, "{} {}", done.out, done.err);
    }
    let said = stranger.anonymous().asks(ONE, "issue", "Degree").both().await;
    assert_eq!(said.line(), "404 UNKNOWN_ACTION");
}

#[tokio::test]
async fn an_xml_list_that_another_program_signed_is_taken_over() {
    let app = TestApp::start().await;
    let terminal = Terminal::default();
    let files = kept(&terminal, &[("list.xml", ""), ("signer.pem", ""), ("token", app.token.as_str())]);
    let made = std::process::Command::new("python3")
        .arg(program::root().join("tests/second/xades.py"))
        .args(&files[..2])
        .status()
        .expect("python3 runs: `scripts/setup test`");
    assert!(made.success());
    let url = app.url();
    let args = [
        "import",
        "--server",
        &url,
        "--token-file",
        &files[2],
        "--format",
        "tsl",
        "--signer",
        &files[1],
        "--service-type",
        "http://types.example/CA=issue:Certificate",
        &files[0],
    ];
    let done = terminal.charter(&args).await;
    assert_eq!((done.code, done.out.trim()), (0, "loaded 1, failed 0"), "{}", done.err);
    let said = app.anonymous().asks("VATSE-556000000001", "issue", "Certificate").both().await;
    assert_eq!(said.line(), "200 yes ACTIVE");
    let text = std::fs::read_to_string(&files[0]).expect("a list");
    for (from, to) in [("granted", "grantee"), ("<?xml version=\"1.0\" encoding=\"UTF-8\"?>", "<!DOCTYPE a>")]
    {
        let altered = text.replacen(from, to, 1);
        assert_ne!(altered, text);
        std::fs::write(&files[0], altered).expect("written");
        let done = terminal.charter(&args).await;
        assert!(matches!(done.code, 2 | 5), "{from}: {} {}", done.out, done.err);
    }
}
