//! What is asked of whom, how often, and what is made of the answers.

use std::sync::Mutex;

use serde_json::json;

use super::*;
use crate::document::MAX_BYTES;

const WEB: &str = "did:web:a.example:x";
const LEGAL: &str = "did:ebsi:zZeKyEJfUTGwajhNyNX928z";

/// Answers alike, and keeps what was asked.
#[derive(Clone)]
struct Site {
    answer: Arc<Mutex<Result<String, Unfetched>>>,
    asked: Arc<Mutex<Vec<Wanted>>>,
}

impl Site {
    fn new(answer: Result<String, Unfetched>) -> Self {
        Self { answer: Arc::new(Mutex::new(answer)), asked: Arc::default() }
    }
    fn of(did: &str) -> Self {
        Self::new(Ok(json!({ "id": did }).to_string()))
    }
    fn answers(&self, answer: Result<String, Unfetched>) {
        *self.answer.lock().expect("lock") = answer;
    }
    fn asked(&self) -> Vec<Wanted> {
        self.asked.lock().expect("lock").clone()
    }
    fn resolver(&self, settings: Settings) -> Resolver {
        let site = self.clone();
        let fetch: Fetch = Arc::new(move |wanted| {
            let site = site.clone();
            Box::pin(async move {
                // Others come meanwhile.
                tokio::task::yield_now().await;
                site.asked.lock().expect("lock").push(wanted);
                site.answer.lock().expect("lock").clone().map(Bytes::from)
            })
        });
        Resolver::new(settings, fetch)
    }
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_700_000_000 + secs)
}

async fn ask(resolver: &Resolver, did: &str, secs: i64) -> Found {
    resolver.resolve(&Did::parse(did).expect(did), Options::default(), at(secs)).await
}

#[tokio::test]
async fn a_document_is_fetched_once_and_again_after_five_minutes() {
    let site = Site::of(WEB);
    let resolver = site.resolver(Settings::default());
    let many = futures::future::join_all((0..20).map(|_| ask(&resolver, WEB, 0))).await;
    assert!(many.iter().all(Result::is_ok));
    assert_eq!(site.asked().len(), 1, "one for all");
    assert_eq!(site.asked()[0].url, "https://a.example/x/did.json");
    site.answers(Ok(json!({ "id": WEB, "alsoKnownAs": [] }).to_string()));
    assert_eq!(ask(&resolver, WEB, 299).await.expect("kept").value, json!({ "id": WEB }));
    assert_eq!(ask(&resolver, WEB, 300).await.expect("fetched").value["alsoKnownAs"], json!([]));
    assert_eq!(site.asked().len(), 2);
    ask(&resolver, WEB, 0).await.expect("the clock went back");
    assert_eq!(site.asked().len(), 3, "what was fetched later is not believed earlier");
}

#[tokio::test]
async fn no_cache_asks_again_but_not_within_a_second() {
    let site = Site::of(WEB);
    let resolver = site.resolver(Settings::default());
    let did = Did::parse(WEB).expect("a DID");
    let options = Options { no_cache: true, ..Options::default() };
    for (secs, times) in [(0, 1), (0, 1), (1, 2), (1, 2), (5, 3)] {
        resolver.resolve(&did, options, at(secs)).await.expect("a document");
        assert_eq!(site.asked().len(), times, "{secs}");
    }
}

#[tokio::test]
async fn absence_is_kept_for_half_a_minute_and_silence_for_a_second() {
    for (answer, fault, again) in [
        (Unfetched::Absent, Fault::NotFound, 30),
        (Unfetched::Gone, Fault::Deactivated, 30),
        (Unfetched::Failed, Fault::Unreachable, 1),
    ] {
        let site = Site::new(Err(answer));
        let resolver = site.resolver(Settings::default());
        assert_eq!(ask(&resolver, WEB, 0).await, Err(fault));
        site.answers(Ok(json!({ "id": WEB }).to_string()));
        assert_eq!(ask(&resolver, WEB, again - 1).await, Err(fault), "{answer:?}");
        assert!(ask(&resolver, WEB, again).await.is_ok(), "{answer:?}");
    }
}

#[tokio::test]
async fn what_a_site_says_of_another_did_is_no_document() {
    let site = Site::of("did:web:other.example");
    let resolver = site.resolver(Settings::default());
    assert!(matches!(ask(&resolver, WEB, 0).await, Err(Fault::InvalidDocument(_))));
    site.answers(Ok("x".repeat(MAX_BYTES + 1)));
    assert!(matches!(ask(&resolver, WEB, 60).await, Err(Fault::InvalidDocument(_))));
}

#[tokio::test]
async fn ports_are_for_loopback_and_ebsi_for_a_registry_that_is_known() {
    let site = Site::of(LEGAL);
    let closed = site.resolver(Settings::default());
    assert!(matches!(ask(&closed, "did:web:localhost%3A81", 0).await, Err(Fault::InvalidDid(_))));
    assert_eq!(ask(&closed, LEGAL, 0).await, Err(Fault::MethodNotSupported));
    assert_eq!(ask(&closed, "did:ethr:0xab", 0).await, Err(Fault::MethodNotSupported));
    assert_eq!(site.asked(), []);
    let ebsi_registry = Some("https://ebsi.example/did-registry/v5".to_owned());
    let open = site.resolver(Settings { ebsi_registry, loopback: true });
    ask(&open, LEGAL, 0).await.expect("a document");
    let then = Options { version_time: Some(at(-60)), no_cache: false };
    let did = Did::parse(LEGAL).expect("a DID");
    open.resolve(&did, then, at(0)).await.expect("a document");
    let urls: Vec<String> = site.asked().into_iter().map(|w| format!("{} {}", w.accept, w.url)).collect();
    let base = format!("application/did+ld+json https://ebsi.example/did-registry/v5/identifiers/{LEGAL}");
    assert_eq!(urls, [base.clone(), format!("{base}?valid-at=2023-11-14T22:12:20Z")]);
    let _ = ask(&open, "did:web:localhost%3A81", 0).await;
    assert_eq!(site.asked()[2].url, "http://localhost:81/.well-known/did.json");
    let web = Did::parse(WEB).expect("a DID");
    assert!(matches!(open.resolve(&web, then, at(0)).await, Err(Fault::FeatureNotSupported(_))));
}

#[tokio::test]
async fn keys_are_their_own_documents() {
    let site = Site::of(WEB);
    let resolver = site.resolver(Settings::default());
    for did in [
        "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp",
        "did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169",
        "did:jwk:eyJjcnYiOiJQLTI1NiIsImt0eSI6IkVDIiwieCI6ImFjYklRaXVNczNpOF91c3pFakoydHBUdFJNNEVVM3l6OTFQSDZDZEgyVjAiLCJ5IjoiX0tjeUxqOXZXTXB0bm1LdG00NkdxRHo4d2Y3NEk1TEtncmwyR3pIM25TRSJ9",
    ] {
        let document = ask(&resolver, did, 0).await.expect(did);
        assert_eq!(document.value["id"], did);
        assert_eq!(document.keys().count(), 1, "{did}");
    }
    // Of a kind that is not read here.
    let x25519 = "did:key:z6LSbysY2xFMRpGMhb7tFTLMpeuPRaqaWM1yECx2AtzE3KCc";
    assert_eq!(ask(&resolver, x25519, 0).await.expect("a document").keys().count(), 0);
    for bad in [
        "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooW",
        "did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU216",
        "did:key:z0OIl",
        "did:jwk:eyJ",
        "did:jwk:e30",
        // With its private part.
        "did:jwk:eyJrdHkiOiJPS1AiLCJjcnYiOiJFZDI1NTE5IiwieCI6Ik8yb252TTYycEMxaW82alFLbThOYzJVeUZYY2Q0a09tT3NCSW9ZdFoyaWsiLCJkIjoiQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQSJ9",
    ] {
        let found = ask(&resolver, bad, 0).await;
        assert!(matches!(found, Err(Fault::InvalidDid(_))), "{bad} {found:?}");
    }
    assert_eq!(site.asked(), []);
}
