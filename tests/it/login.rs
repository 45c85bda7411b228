//! Signing in by device code: what `charter` keeps, uses, renews and forgets, and what the provider grants.

use std::{os::unix::fs::PermissionsExt as _, path::PathBuf, sync::Arc};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use charter_server::clock::WallClock;
use charter_tests::{
    Rest, TestApp,
    governed::{self, Governed},
    issuer::{CLIENT, DISCOVERY, Issuer, SERVICE},
    pki::Pki,
    program::built,
    terminal::{self, Click, Terminal, sends},
};
use http::{Method, header};
use serde_json::Value;

fn file(terminal: &Terminal, profile: &str, name: &str) -> PathBuf {
    terminal.home().join("state/charter").join(profile).join(name)
}

fn read(terminal: &Terminal, profile: &str, name: &str) -> String {
    std::fs::read_to_string(file(terminal, profile, name)).expect("kept")
}

#[tokio::test]
async fn a_member_signs_in_by_a_code_and_is_known_until_signing_out() {
    let (site, terminal) = (Governed::start().await, Terminal::default());
    let url = site.app.url();
    let nobody = terminal.charter(&["whoami", "--server", &url]).await;
    assert!(nobody.code == 6 && nobody.err.contains("charter login"), "{nobody:?}");

    let done =
        terminal.login(&site.issuer, &["--scope", "openid offline_access"], Click::SignIn("anna")).await;
    assert!(done.code == 0 && done.out.starts_with("signed in as profile `default` until"), "{done:?}");
    let token = read(&terminal, "default", "token");
    assert!(!done.out.contains(&token) && !done.err.contains(&token));
    for name in ["token", "login.json", ""] {
        let mode = std::fs::metadata(file(&terminal, "default", name)).expect("kept").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name} is nobody else's to read");
    }
    let who = terminal.charter(&["whoami", "--server", &url]).await;
    assert!(who.code == 0 && who.out.contains("APPROVER") && who.out.contains("you"), "{who:?}");

    // Without a second factor nothing is approved; with one it is.
    let change = governed::status(governed::ISSUER, "SUSPENDED");
    let id = site.person("olga").proposes(change).await.expect("proposed").proposal_id;
    let approve = ["approval", "approve", &id, "--yes", "--server", &url];
    let weak = terminal.charter(&approve).await;
    assert!(weak.code == 6 && weak.err.contains("charter login --step-up"), "{weak:?}");
    let done = terminal.login(&site.issuer, &["--step-up"], Click::StepUp("anna")).await;
    assert_eq!(done.code, 0, "{done:?}");
    let done = terminal.charter(&approve).await;
    assert_eq!(done.code, 0, "{done:?}");

    let done = terminal.login(&site.issuer, &["--profile", "other"], Click::SignIn("stranger")).await;
    assert_eq!(done.code, 0, "{done:?}");
    let stranger = terminal.charter(&["whoami", "--profile", "other", "--server", &url]).await;
    assert_eq!(stranger.code, 6, "{stranger:?}");
    assert_eq!(terminal.charter(&["logout"]).await.code, 0);
    assert!(!file(&terminal, "default", "token").exists());
    assert_eq!(terminal.charter(&["whoami", "--server", &url]).await.code, 6);
    assert!(file(&terminal, "other", "token").exists(), "another profile stays signed in");
}

#[tokio::test]
async fn a_refusal_keeps_nothing_and_says_so() {
    let (issuer, terminal) = (Issuer::start(&Arc::new(WallClock)), Terminal::default());
    let done = terminal.login(&issuer, &[], Click::Refuse).await;
    assert!(done.code == 6 && done.err.contains("refused at the provider"), "{done:?}");
    assert!(!file(&terminal, "default", "token").exists());
    let url = issuer.url();
    let unknown = terminal.charter(&["login", "--issuer", &url, "--client-id", "another"]).await;
    assert!(unknown.code == 6 && unknown.err.contains("--client-id"), "{unknown:?}");
    let nowhere = terminal.charter(&["login", "--issuer", "http://idp.example"]).await;
    assert!(nowhere.code == 5 && nowhere.err.contains("https"), "{nowhere:?}");
    assert_eq!(terminal.charter(&["login"]).await.code, 2);
    assert_eq!(terminal.charter(&["login", "--profile", "../x", "--issuer", &url]).await.code, 2);
    issuer.says(DISCOVERY, r#"{"issuer":"http://evil.example","token_endpoint":"http://a"}"#);
    let other = terminal.charter(&["login", "--issuer", &url]).await;
    assert!(other.code == 5 && other.err.contains("is of `http://evil.example`"), "{other:?}");
}

#[tokio::test]
async fn a_token_that_ends_is_renewed_where_the_provider_lets_it() {
    let (site, terminal) = (Governed::start().await, Terminal::default());
    let whoami = ["whoami", "--server", &site.app.url()];
    let scope = ["--scope", "openid offline_access"];
    assert_eq!(terminal.login(&site.issuer, &scope, Click::SignIn("olga")).await.code, 0);
    let before = read(&terminal, "default", "token");
    let kept = file(&terminal, "default", "login.json");
    let mut json: Value = serde_json::from_str(&read(&terminal, "default", "login.json")).expect("JSON");
    json["expires_at"] = "2026-01-01T00:00:00Z".into();
    std::fs::write(&kept, json.to_string()).expect("written");
    let renewed = terminal.charter(&whoami).await;
    assert_eq!(renewed.code, 0, "{renewed:?}");
    assert_ne!(read(&terminal, "default", "token"), before);
    // The refresh token was good once: what was written over it is over.
    std::fs::write(&kept, json.to_string()).expect("written");
    let over = terminal.charter(&whoami).await;
    assert!(over.code == 6 && over.err.contains("has expired"), "{over:?}");
    json["refresh_token"] = Value::Null;
    std::fs::write(&kept, json.to_string()).expect("written");
    assert_eq!(terminal.charter(&whoami).await.code, 6);
}

#[tokio::test]
async fn an_option_beats_the_environment_and_that_the_profile() {
    let (app, terminal) = (TestApp::start().await, Terminal::default());
    let url = app.url();
    let list = ["registry", "list"];
    terminal.configures(&format!("[default]\nserver = \"http://127.0.0.1:1\"\n[here]\nserver = \"{url}\"\n"));
    assert_eq!(terminal.charter(&list).await.code, 5);
    assert_eq!(terminal.charter(&[&list[..], &["--profile", "here"]].concat()).await.code, 0);
    let program = built("charter");
    let mut with = terminal::command(&program, terminal.home(), &list);
    with.env("CHARTER_SERVER", &url);
    assert_eq!(terminal::run(with).await.code, 0);
    let mut with = terminal::command(&program, terminal.home(), &list);
    with.env("CHARTER_SERVER", "http://127.0.0.1:1").args(["--server", &url]);
    assert_eq!(terminal::run(with).await.code, 0);
    terminal.configures("[default]\nserver = \"http://127.0.0.1:1\"\ncolour = \"red\"\n");
    let strange = terminal.charter(&list).await;
    assert!(strange.code == 2 && strange.err.contains("`colour`"), "{strange:?}");
}

#[tokio::test]
async fn the_provider_serves_programs_and_rotates_keys_and_only_under_its_name() {
    let issuer = Issuer::start(&Arc::new(WallClock));
    let rest = Rest::new(issuer.address());
    let asks = async |secret: &str, form: &str| {
        let basic = BASE64_STANDARD.encode(format!("{}:{}", SERVICE.0, secret.replace(' ', "%20")));
        let request = rest
            .request(Method::POST, "/token")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::AUTHORIZATION, format!("Basic {basic}"))
            .body(form.to_owned().into());
        let reply = rest.send(request.expect("a request")).await;
        (reply.status, reply.json())
    };
    let (status, granted) = asks(SERVICE.1, "grant_type=client_credentials").await;
    assert!(status == 200 && granted["access_token"].is_string() && granted["refresh_token"].is_null());
    assert_eq!(asks("guess", "grant_type=client_credentials").await.1["error"], "invalid_client");
    assert_eq!(asks(SERVICE.1, "grant_type=password").await.1["error"], "unsupported_grant_type");
    let form = format!("grant_type=client_credentials&client_id={CLIENT}");
    let request = rest
        .request(Method::POST, "/token")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(form.into());
    assert_eq!(rest.send(request.expect("a request")).await.json()["error"], "invalid_client");

    let keys = async || rest.get("/jwks").await.json()["keys"].as_array().map_or(0, Vec::len);
    issuer.adds_key();
    assert_eq!(keys().await, 2, "the earlier key is still published");
    issuer.rotate();
    assert_eq!(keys().await, 1);

    assert!(sends(&issuer, "user_code=AAAA-AAAA&decision=allow").await.contains("Nothing waits"));
    for (name, value) in [(header::HOST, "evil.example"), (header::ORIGIN, "http://evil.example")] {
        let request = rest.request(Method::GET, "/device").header(name, value).body(Default::default());
        assert_eq!(rest.send(request.expect("a request")).await.status, 403);
    }
}

#[tokio::test]
async fn a_server_is_no_provider_and_no_setting_makes_it_one() {
    let app = TestApp::start().await;
    for path in ["/device", "/token", "/device_authorization", "/jwks", "/.well-known/openid-configuration"] {
        assert_eq!(app.rest().get(path).await.status, 404, "{path}");
    }
    for table in ["issuer", "provider", "demo"] {
        let refused = charter_server::Config::from_toml(&format!("[{table}]\naddress = \"127.0.0.1:1\"\n"));
        assert!(refused.is_err(), "{table}");
    }
}

#[tokio::test]
async fn a_provider_over_https_is_believed_by_the_named_authority_alone() {
    let (issuer, terminal, pki) = (Issuer::start(&Arc::new(WallClock)), Terminal::default(), Pki::new());
    let tunnel = pki.tunnel(issuer.address()).await;
    issuer.also_at(&tunnel.to_string());
    let url = format!("https://{tunnel}");
    let metadata = serde_json::json!({
        "issuer": url, "token_endpoint": format!("{url}/token"),
        "device_authorization_endpoint": format!("{url}/device_authorization"),
    });
    issuer.says(DISCOVERY, &metadata.to_string());
    let refused = terminal.charter(&["login", "--issuer", &url]).await;
    assert!(refused.code == 5 && refused.err.contains("UnknownIssuer"), "{refused:?}");
    let ca = pki.file("ca.pem");
    let done = terminal.login_at(&url, &issuer, &["--ca-file", &ca], Click::SignIn("anna")).await;
    assert_eq!(done.code, 0, "{done:?}");
    assert!(file(&terminal, "default", "token").exists());
}
