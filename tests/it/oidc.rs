//! Staff tokens against a real provider on loopback: what is accepted, what never is, and how often keys are fetched.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use charter_domain::{Timestamp, time::Clock};
use charter_server::{
    config,
    error::{Code, Error},
    oidc::{Identity, Oidc},
};
use charter_tests::{
    TestClock,
    issuer::{AUDIENCE, DISCOVERY, Issuer, JWKS, STEPPED_UP},
    pki::Pki,
};
use futures::future::join_all;
use serde_json::{Value, json};

struct Site {
    clock: Arc<TestClock>,
    issuer: Arc<Issuer>,
    oidc: Arc<Oidc>,
}

fn trusting(url: &str) -> config::Oidc {
    config::Oidc {
        issuer: url.to_owned(),
        audience: AUDIENCE.to_owned(),
        approve_acr: vec![STEPPED_UP.to_owned()],
        jwks_file: None,
        ca_file: None,
        step_up_max_age_secs: 900,
    }
}

fn site() -> Site {
    let clock = Arc::default();
    let issuer = Issuer::start(&clock);
    let oidc = Arc::new(Oidc::new(&[trusting("http://127.0.0.1:9"), trusting(&issuer.url())]));
    Site { clock, issuer, oidc }
}

impl Site {
    async fn asks(&self, token: &str) -> Result<Identity, Error> {
        self.oidc.authenticate(token, self.clock.now()).await
    }
    async fn code(&self, token: &str) -> Option<Code> {
        self.asks(token).await.err().map(|e| e.code)
    }
    /// Refused as a credential, in words that repeat nothing of it.
    async fn refuses(&self, token: &str, what: &str) {
        let refused = self.asks(token).await.expect_err(what);
        assert_eq!(refused.code, Code::Unauthenticated, "{what}: {refused}");
        let told = [self.issuer.kid(), "somebody".to_owned(), "evil".to_owned()];
        assert!(!told.iter().any(|piece| refused.detail.contains(piece)), "{what}: {refused}");
    }
}

fn part(token: &str, n: usize) -> &str {
    token.split('.').nth(n).expect("three parts")
}

#[tokio::test]
async fn a_good_token_names_its_subject_and_only_its_acr_steps_up() {
    let site = site();
    let plain = site.asks(&site.issuer.token("alice")).await.expect("accepted");
    let wanted = Identity {
        issuer: site.issuer.url(),
        subject: "alice".to_owned(),
        stepped_up: false,
        expires: Timestamp::from_secs(site.clock.now().secs() + 600),
    };
    assert_eq!(plain, wanted);
    let approver = site.issuer.approver_token("alice");
    assert!(site.asks(&approver).await.expect("accepted").stepped_up);
    let other = site.issuer.with(json!({ "acr": "urn:charter:mfa2" }));
    assert!(!site.asks(&other).await.expect("accepted").stepped_up);
    assert_eq!(site.issuer.fetches(), 1);
    let none = config::Oidc { approve_acr: Vec::new(), ..trusting(&site.issuer.url()) };
    let nobody = Oidc::new(&[none]).authenticate(&approver, site.clock.now()).await;
    assert!(!nobody.expect("accepted").stepped_up, "an empty list is nobody, not everybody");
}

#[tokio::test]
async fn the_setting_as_text_is_what_the_server_reads() {
    let site = site();
    let toml = format!(
        "{}[database]\nurl = \"host=/tmp\"\n[[registries]]\nauthority_id = \"did:web:a.example\"\nslug = \"a\"\n\
         name = \"A\"\njurisdiction = \"FI\"\npublic_url = \"http://127.0.0.1:1\"\n[[listeners]]\n\
         address = \"127.0.0.1:0\"\nregistry = \"did:web:a.example\"\n",
        site.issuer.toml()
    );
    let config = charter_server::Config::from_toml(&toml).expect("a valid configuration");
    let oidc = Oidc::new(&config.oidc);
    let known = oidc.authenticate(&site.issuer.approver_token("alice"), site.clock.now()).await;
    assert!(known.expect("accepted").stepped_up);
    let faults = charter_server::Config::from_toml(&toml.replace("http://127.0.0.1", "http://10.0.0.1"));
    assert!(faults.expect_err("faulty").to_string().contains("on loopback only"));
}

#[tokio::test]
async fn claims_that_do_not_fit_are_refused() {
    let site = site();
    let now = site.clock.now().secs();
    for good in [
        json!({ "aud": ["other", AUDIENCE] }),
        json!({ "exp": now - 59 }),
        json!({ "exp": now as f64 + 0.5 }),
        json!({ "nbf": now + 60, "iat": now + 60 }),
        json!({ "iat": null }),
        json!({ "sub": "é".repeat(127) }),
    ] {
        assert!(site.asks(&site.issuer.with(good.clone())).await.is_ok(), "{good}");
    }
    for bad in [
        json!({ "aud": "evil" }),
        json!({ "aud": ["evil"] }),
        json!({ "aud": [] }),
        json!({ "aud": null }),
        json!({ "aud": 1 }),
        json!({ "aud": "charter " }),
        json!({ "iss": "https://evil.example" }),
        json!({ "iss": format!("{}/", site.issuer.url()) }),
        json!({ "iss": "http://127.0.0.1:9/" }),
        json!({ "iss": null }),
        json!({ "exp": now - 60 }),
        json!({ "exp": -1e300 }),
        json!({ "exp": null }),
        json!({ "exp": "2999-01-01T00:00:00Z" }),
        json!({ "nbf": now + 61 }),
        json!({ "iat": now + 61 }),
        json!({ "sub": null }),
        json!({ "sub": "" }),
        json!({ "sub": 1 }),
        json!({ "sub": "somebody\n" }),
        json!({ "sub": "s".repeat(256) }),
        json!({ "acr": [STEPPED_UP] }),
    ] {
        site.refuses(&site.issuer.with(bad.clone()), &bad.to_string()).await;
    }
    let token = site.issuer.token("somebody");
    site.clock.advance(Duration::from_secs(660));
    site.refuses(&token, "expired").await;
}

#[tokio::test]
async fn other_algorithms_and_other_keys_are_refused() {
    let site = site();
    let token = site.issuer.token("somebody");
    let kid = site.issuer.kid();
    let [payload, signature] = [1, 2].map(|n| part(&token, n));
    for (alg, signed) in
        [("none", ""), ("none", signature), ("HS256", signature), ("RS256", signature), ("EdDSA", signature)]
    {
        let header = BASE64.encode(json!({ "alg": alg, "kid": kid, "typ": "JWT" }).to_string());
        site.refuses(&format!("{header}.{payload}.{signed}"), alg).await;
    }
    let (evil, iss) = (Issuer::start(&site.clock), json!({ "iss": site.issuer.url() }));
    let foreign = evil.with(iss);
    site.refuses(&foreign, "a foreign key").await;
    let relabelled = format!("{}.{}.{}", part(&token, 0), part(&foreign, 1), part(&foreign, 2));
    site.refuses(&relabelled, "a foreign key under a known kid").await;
    let jwk: Value = serde_json::from_str(&evil.jwks()).expect("JSON");
    let header = json!({ "alg": "ES256", "kid": kid, "jwk": jwk["keys"][0] }).to_string();
    site.refuses(&format!("{}.{payload}.{signature}", BASE64.encode(header)), "a key in the header").await;
    for cut in [0, 1, token.len() / 2, token.len() - 1] {
        site.refuses(&token[..cut], "truncated").await;
    }
    site.refuses(&site.issuer.with(json!({ "groups": "g".repeat(8_192) })), "too long").await;
    assert!(site.asks(&token).await.is_ok(), "and the honest one still counts");
    let nobody = Oidc::new(&[]).authenticate(&token, site.clock.now()).await;
    assert_eq!(nobody.expect_err("no provider").code, Code::Unauthenticated);
}

#[tokio::test]
async fn a_rotation_is_seen_within_one_request() {
    let site = site();
    let old = site.issuer.token("alice");
    assert!(site.asks(&old).await.is_ok());
    site.issuer.rotate();
    let fresh: Vec<_> = (0..20).map(|n| site.issuer.token(&format!("user-{n}"))).collect();
    for seen in join_all(fresh.iter().map(|token| site.asks(token))).await {
        seen.expect("accepted");
    }
    assert_eq!(site.issuer.fetches(), 2, "one fetch for all who need it");
    site.refuses(&old, "a withdrawn key").await;
    // A withdrawn key also goes without a token that names a new one.
    let kept = site.issuer.token("alice");
    site.issuer.rotate();
    assert!(site.asks(&kept).await.is_ok());
    site.clock.advance(Duration::from_secs(300));
    site.refuses(&kept, "kept for 5 min").await;
}

#[tokio::test]
async fn kept_keys_outlive_the_provider_and_without_any_it_is_unavailable() {
    let known = site();
    assert!(known.asks(&known.issuer.token("alice")).await.is_ok());
    known.issuer.stop().await;
    known.clock.advance(Duration::from_secs(3_600));
    assert!(known.asks(&known.issuer.token("alice")).await.is_ok());
    known.issuer.rotate();
    known.refuses(&known.issuer.token("somebody"), "a key that cannot be fetched").await;

    let never = site();
    never.issuer.stop().await;
    assert_eq!(never.code(&never.issuer.token("alice")).await, Some(Code::Unavailable));
    assert_eq!(known.issuer.fetches() + never.issuer.fetches(), 1);
}

#[tokio::test]
async fn two_hundred_unknown_keys_cause_few_fetches() {
    let site = site();
    let evil = Issuer::start(&site.clock);
    let tokens: Vec<_> = (0..200)
        .map(|_| {
            evil.rotate();
            evil.with(json!({ "iss": site.issuer.url() }))
        })
        .collect();
    let (some, others) = tokens.split_at(100);
    let refused = join_all(some.iter().map(|token| site.code(token))).await;
    assert!(refused.iter().all(|code| *code == Some(Code::Unauthenticated)), "{refused:?}");
    for token in others {
        site.refuses(token, "an unknown key").await;
    }
    assert!(site.issuer.fetches() <= 2, "{} fetches", site.issuer.fetches());
    assert!(site.asks(&site.issuer.token("alice")).await.is_ok());
    // They cost a rotation ten seconds, no more.
    site.issuer.rotate();
    assert!(site.asks(&site.issuer.token("alice")).await.is_err());
    site.clock.advance(Duration::from_secs(10));
    assert!(site.asks(&site.issuer.token("alice")).await.is_ok());
}

/// What is said, from the provider's URL.
type Lie = fn(&str) -> String;

#[tokio::test]
async fn a_provider_that_misleads_is_one_without_keys() {
    let url = |site: &Site| site.issuer.url();
    let lies: [(&'static str, Lie); 7] = [
        (DISCOVERY, |_| "{}".to_owned()),
        (DISCOVERY, |url| {
            json!({ "issuer": "https://evil.example", "jwks_uri": format!("{url}{JWKS}") }).to_string()
        }),
        (DISCOVERY, |url| {
            json!({ "issuer": format!("{url}/"), "jwks_uri": format!("{url}{JWKS}") }).to_string()
        }),
        (DISCOVERY, |url| json!({ "issuer": url, "jwks_uri": "http://10.0.0.1/jwks" }).to_string()),
        (DISCOVERY, |url| json!({ "issuer": url, "jwks_uri": "https://evil.example/jwks" }).to_string()),
        (JWKS, |_| " ".repeat(65 * 1_024)),
        (JWKS, |_| "not JSON".to_owned()),
    ];
    for (path, lie) in lies {
        let site = site();
        let said = lie(&url(&site));
        site.issuer.says(path, &said);
        let token = site.issuer.token("alice");
        assert_eq!(site.code(&token).await, Some(Code::Unavailable), "{path} {said:.80}");
    }
}

#[tokio::test]
async fn a_provider_that_keeps_silent_is_given_two_seconds_by_all_together() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a socket");
    let url = format!("http://{}", silent.local_addr().expect("an address"));
    let (clock, oidc) = (Arc::<TestClock>::default(), Oidc::new(&[trusting(&url)]));
    let token = Issuer::start(&clock).with(json!({ "iss": url }));
    let started = std::time::Instant::now();
    let asked = join_all((0..10).map(|_| oidc.authenticate(&token, clock.now()))).await;
    assert!(asked.into_iter().all(|said| said.is_err_and(|e| e.code == Code::Unavailable)));
    // One after the other they would wait for 20 s.
    assert!(started.elapsed() < Duration::from_secs(12), "{:?}", started.elapsed());
}

#[tokio::test]
async fn keys_of_a_file_need_no_provider_and_a_new_file_is_noticed() {
    let (site, dir) = (site(), tempfile::tempdir().expect("a directory"));
    let path = dir.path().join("jwks.json");
    let issuer = "https://idp.example";
    let config = config::Oidc { jwks_file: Some(path.display().to_string()), ..trusting(issuer) };
    let (oidc, iss) = (Oidc::new(&[config]), json!({ "iss": issuer }));
    let asks = async |token: String| oidc.authenticate(&token, site.clock.now()).await;
    std::fs::write(&path, site.issuer.jwks()).expect("written");
    assert_eq!(asks(site.issuer.with(iss.clone())).await.expect("accepted").issuer, issuer);
    site.issuer.rotate();
    std::fs::write(&path, site.issuer.jwks()).expect("written");
    assert!(asks(site.issuer.with(iss)).await.is_ok());
    assert_eq!(site.issuer.fetches(), 0);
}

/// A provider over https: trusted through `ca_file`, and by nobody else's authority.
#[tokio::test]
async fn discovery_speaks_tls_and_believes_the_named_authority_alone() {
    let (site, pki) = (site(), Pki::new());
    let tunnel = pki.tunnel(site.issuer.address()).await;
    site.issuer.also_at(&tunnel.to_string());
    let url = format!("https://{tunnel}");
    let found = json!({ "issuer": url, "jwks_uri": format!("{url}{JWKS}") });
    site.issuer.says(DISCOVERY, &found.to_string());
    let token = site.issuer.with(json!({ "iss": url }));
    let trusts = |ca_file: Option<String>| Oidc::new(&[config::Oidc { ca_file, ..trusting(&url) }]);
    let other = Pki::new();
    let ca = |pki: &Pki| Some(pki.file("ca.pem"));
    let known = trusts(ca(&pki)).authenticate(&token, site.clock.now()).await;
    assert_eq!(known.expect("accepted").issuer, url);
    for other in [ca(&other), None] {
        let refused = trusts(other).authenticate(&token, site.clock.now()).await;
        assert_eq!(refused.expect_err("an authority that is not trusted").code, Code::Unavailable);
    }
}
