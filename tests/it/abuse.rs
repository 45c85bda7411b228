//! What a holder of a token, or of none, tries at the doors: forged and stale tokens, calls again and out of order.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use charter_domain::time::Clock;
use charter_proto::charter::registry::v1::{self as pb, credential_service_client::CredentialServiceClient};
use charter_signing::{Algorithm, JwkSet, Signer as _, SoftwareSigner};
use charter_tests::{
    governed::{Governed, ISSUER, status},
    issuer::{AUDIENCE, JWKS, STEPPED_UP},
    rest::Reply,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::governance::said;

/// RFC 2104, over SHA-256.
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut block = [0u8; 64];
    let short = if key.len() > 64 { Sha256::digest(key).to_vec() } else { key.to_vec() };
    block[..short.len()].copy_from_slice(&short);
    let [inner, outer] = [0x36, 0x5c].map(|pad| block.map(|b| b ^ pad));
    let inside = Sha256::new().chain_update(inner).chain_update(text).finalize();
    Sha256::new().chain_update(outer).chain_update(inside).finalize().to_vec()
}

/// A provider whose key the test has.
struct Forge<'a> {
    g: &'a Governed,
    signer: SoftwareSigner,
}

impl<'a> Forge<'a> {
    fn new(g: &'a Governed) -> Self {
        let signer = SoftwareSigner::generate(Algorithm::Es256).expect("a key");
        g.issuer.says(JWKS, &JwkSet::from(signer.key().clone()).to_json());
        Self { g, signer }
    }
    fn claims(&self, more: &str) -> String {
        let now = self.g.app.clock.now().secs();
        let iss = self.g.issuer.url();
        format!(r#"{{"iss":"{iss}","aud":"{AUDIENCE}","sub":"olga","iat":{now},"exp":{}{more}}}"#, now + 600)
    }
    fn signs(&self, claims: &str) -> String {
        self.signer.sign("at+jwt", claims.as_bytes()).expect("signed")
    }
    /// With another header over the same claims.
    fn under(&self, header: &Value, signature: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
        let signed = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(self.claims("")));
        format!("{signed}.{}", BASE64.encode(signature(signed.as_bytes())))
    }
}

async fn rest(g: &Governed, method: &str, path: &str, token: &str, body: &Value) -> Reply {
    let request = g.app.rest().request(method.parse().expect("a method"), path);
    let request = request.header("content-type", "application/json");
    let request = request.header("authorization", format!("Bearer {token}"));
    g.app.rest().send(request.body(body.to_string().into()).expect("a request")).await
}

#[tokio::test]
async fn forged_tokens_are_refused_at_both_doors() {
    let g = Governed::start().await;
    let forge = Forge::new(&g);
    let kid = forge.signer.key().kid();
    let jwk = forge.signer.key().to_jwk();
    let secret = jwk.to_string();
    let [_, _, signature] = {
        // Of the same claims it would be good under the same header.
        let other = forge.signs(&forge.claims(r#","x":1"#));
        let parts: Vec<_> = other.split('.').map(str::to_owned).collect();
        <[String; 3]>::try_from(parts).expect("three parts")
    };
    let raw = BASE64.decode(&signature).expect("base64url");
    let now = g.app.clock.now().secs();
    let stranger = SoftwareSigner::generate(Algorithm::Es256).expect("a key");
    let header = |alg: &str| json!({ "alg": alg, "kid": kid, "typ": "at+jwt" });
    let critical = json!({ "alg": "ES256", "kid": kid, "typ": "at+jwt", "crit": ["urn:x"], "urn:x": 1 });
    let unencoded = json!({ "alg": "ES256", "kid": kid, "typ": "at+jwt", "b64": false, "crit": ["b64"] });
    let own_key = json!({ "alg": "ES256", "kid": kid, "typ": "at+jwt", "jwk": jwk });
    let claims = |from: &str, to: &str| forge.signs(&forge.claims("").replace(from, to));
    let bad = [
        ("nothing", String::new()),
        ("no algorithm", forge.under(&header("none"), |_| Vec::new())),
        ("the public key as a secret", forge.under(&header("HS256"), |text| hmac(secret.as_bytes(), text))),
        ("another family of algorithms", forge.under(&header("RS256"), |_| raw.clone())),
        ("another signature", forge.under(&header("ES256"), |_| raw.clone())),
        ("a critical header", forge.under(&critical, |_| raw.clone())),
        ("an unencoded payload", forge.under(&unencoded, |_| raw.clone())),
        ("its own key", forge.under(&own_key, |_| raw.clone())),
        ("an unknown key", stranger.sign("at+jwt", forge.claims("").as_bytes()).expect("signed")),
        ("a claim twice", forge.signs(&forge.claims(r#","sub":"alice""#))),
        ("an issuer twice", forge.signs(&forge.claims(r#","iss":"https://evil.example""#))),
        ("an audience twice", forge.signs(&forge.claims(r#","aud":"other""#))),
        ("expired", claims(&format!("\"exp\":{}", now + 600), &format!("\"exp\":{}", now - 61))),
        ("not yet valid", forge.signs(&forge.claims(&format!(",\"nbf\":{}", now + 61)))),
        ("another audience", claims(&format!("\"{AUDIENCE}\""), "\"other\"")),
        ("another issuer", claims(&g.issuer.url(), "https://evil.example")),
        ("of another purpose", forge.signer.sign("logout+jwt", forge.claims("").as_bytes()).expect("signed")),
        ("too long", forge.signs(&forge.claims(&format!(",\"x\":\"{}\"", "g".repeat(8_192))))),
    ];
    for (what, token) in &bad {
        let refused = g.with_token(token.clone()).reads_events("").await.expect_err(what);
        assert_eq!(said(&refused), "401 UNAUTHENTICATED", "{what}");
        let reply = rest(&g, "GET", "/api/v1/events", token, &json!({})).await;
        assert_eq!(reply.problem(), (401, "UNAUTHENTICATED".to_owned()), "{what}");
        assert!(token.is_empty() || !reply.text().contains(token.as_str()), "{what}");
    }
    g.with_token(forge.signs(&forge.claims(""))).reads_events("").await.expect("the honest one");
    let request = g.app.rest().request(http::Method::GET, "/api/v1/events");
    let request = ["alice", "bob"].iter().fold(request, |request, who| {
        request.header("authorization", format!("Bearer {}", g.issuer.token(who)))
    });
    let twice = g.app.rest().send(request.body(http_body_util::Full::default()).expect("a request")).await;
    assert_eq!(twice.problem(), (401, "UNAUTHENTICATED".to_owned()), "two tokens are none");
}

#[tokio::test]
async fn a_key_that_is_withdrawn_is_refused_at_the_door_and_a_new_one_accepted() {
    let g = Governed::start().await;
    let before = g.issuer.token("aino");
    g.with_token(before.clone()).reads_events("").await.expect("accepted");
    g.issuer.rotate();
    g.with_token(g.issuer.token("aino")).reads_events("").await.expect("the new key is fetched");
    let refused = g.with_token(before).reads_events("").await.expect_err("the old one has gone");
    assert_eq!(said(&refused), "401 UNAUTHENTICATED");
}

/// RFC 9470: a sign-in long ago is none, and the challenge says which one would do.
#[tokio::test]
async fn step_up_is_recent_where_the_provider_says_when_it_was() {
    let g = Governed::start().await;
    let draft = g.person("olga").proposes(status(ISSUER, "SUSPENDED")).await.expect("proposed");
    let now = g.app.clock.now().secs();
    let token = |who: &str, auth_time: Value| {
        g.issuer.with(json!({ "sub": who, "acr": STEPPED_UP, "auth_time": auth_time }))
    };
    let challenge = format!(
        "Bearer error=\"insufficient_user_authentication\", acr_values=\"{STEPPED_UP}\", max_age=\"900\""
    );
    for at in [now - 961, now + 61, 0] {
        let refused = g.with_token(token("anna", json!(at))).approves(&draft).await.expect_err("not recent");
        assert_eq!(said(&refused), "401 STEP_UP_REQUIRED", "{at}");
        let named = refused.metadata().get("www-authenticate").and_then(|v| v.to_str().ok());
        assert_eq!(named, Some(challenge.as_str()));
        let path = "/api/v1/credentials/00000000-0000-0000-0000-000000000000:revoke";
        let reply = rest(&g, "POST", path, &token("bob", json!(at)), &json!({ "code": "LEAKED" })).await;
        assert_eq!(reply.problem(), (401, "STEP_UP_REQUIRED".to_owned()), "{at}");
        assert_eq!(reply.header("www-authenticate"), challenge);
    }
    let refused = rest(&g, "GET", "/api/v1/events", "wrong", &json!({})).await;
    assert_eq!(refused.header("www-authenticate"), "Bearer", "no step-up helps there");
    let recent = g.with_token(token("anna", json!(now - 900)));
    assert_eq!(recent.approves(&draft).await.expect("approved").state, "EXECUTED");
}

#[tokio::test]
async fn calls_again_and_out_of_order_change_nothing() {
    let g = Governed::start().await;
    let olga = g.person("olga");
    let first = olga.proposes(status(ISSUER, "SUSPENDED")).await.expect("proposed");
    let second = olga.proposes(status(ISSUER, "REVOKED")).await.expect("proposed");
    let anna = g.person("anna");
    let never = pb::Proposal { proposal_id: uuid(), ..first.clone() };
    assert_eq!(said(&anna.approves(&never).await.expect_err("not proposed yet")), "404 NOT_FOUND");
    for (hash, what) in
        [(second.hash.clone(), "of another"), (String::new(), "none"), ("0".repeat(64), "any")]
    {
        let stale = pb::Proposal { hash, ..first.clone() };
        assert_eq!(said(&anna.approves(&stale).await.expect_err(what)), "409 PROPOSAL_CHANGED", "{what}");
    }
    assert_eq!(anna.approves(&first).await.expect("approved").state, "EXECUTED");
    let before = g.person("aino").reads_events("").await.expect("read").len();
    for who in ["anna", "arvo"] {
        let person = g.person(who);
        let refused = person.approves(&first).await.expect_err("again");
        assert_eq!(said(&refused), "409 PROPOSAL_CLOSED", "{who}");
        let refused = person.refuses(&first, "too late").await.expect_err("executed");
        assert_eq!(said(&refused), "409 PROPOSAL_CLOSED", "{who}");
    }
    assert_eq!(said(&olga.withdraws(&first).await.expect_err("executed")), "409 PROPOSAL_CLOSED");
    // Drafted before the suspension was executed: what is recorded has changed since.
    assert_eq!(said(&anna.approves(&second).await.expect_err("stale")), "409 PROPOSAL_CHANGED");
    anna.refuses(&second, "out of date").await.expect("refused");
    assert_eq!(said(&anna.approves(&second).await.expect_err("refused")), "409 PROPOSAL_CLOSED");
    let request = pb::RevokeCredentialRequest {
        credential_id: uuid(),
        code: "LEAKED".to_owned(),
        ..Default::default()
    };
    let mut client = CredentialServiceClient::new(g.app.channel());
    let refused = client.revoke_credential(g.person("bob").signed(request)).await.expect_err("never bound");
    assert_eq!(said(&refused), "404 NOT_FOUND");
    assert_eq!(g.person("aino").reads_events("").await.expect("read").len(), before, "nothing was recorded");
}

fn uuid() -> String {
    "019aa500-0000-7000-8000-000000000000".to_owned()
}
