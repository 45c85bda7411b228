//! Which endpoints a registry may name, and who is asked when.

use std::sync::Mutex;

use charter_domain::{SpkiPins, Timestamp, time::Clock};

use super::*;
use crate::protocol::{address::Lookup, tls::Tls};

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(1_800_000_000)
    }
}

fn at(url: &str) -> PeerEndpoint {
    PeerEndpoint { url: url.to_owned(), pins: SpkiPins::default() }
}

fn urls(list: &[PeerEndpoint]) -> Vec<&str> {
    list.iter().map(|one| one.url.as_str()).collect()
}

fn authority(name: &str) -> AuthorityId {
    AuthorityId::parse(&format!("did:web:{name}.example")).expect("a DID")
}

fn native() -> Native {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let roots = Arc::new(rustls::RootCertStore::empty());
    let time = Arc::new(rustls::time_provider::DefaultTimeProvider);
    let tls = Tls { provider, time, roots, identity: None };
    // Trials in the background lead nowhere.
    let nowhere: Lookup = Arc::new(|_| Box::pin(async { Err(std::io::ErrorKind::NotFound.into()) }));
    Native::new(tls, nowhere, Arc::new(Still)).expect("a client")
}

#[test]
fn a_registry_leads_to_names_and_far_addresses_and_to_the_host_that_was_recorded() {
    let recorded = at("https://a.example");
    let good =
        ["https://b.example", "https://b.example:8443/r/x", "https://10.1.2.3", "https://[2001:db8::1]"];
    let told = |list: &[&str]| {
        let list: Vec<String> = list.iter().map(|url| (*url).to_owned()).collect();
        named(&recorded, &list)
    };
    assert_eq!(urls(&told(&good)), good);
    for bad in [
        "http://b.example",
        "http://127.0.0.1:6379",
        "https://localhost",
        "https://127.0.0.1",
        "https://[::1]:443",
        "https://[::ffff:127.0.0.1]",
        "https://169.254.169.254",
        "ftp://b.example",
        "no address",
        "",
        "https://a.example",
    ] {
        assert!(told(&[bad]).is_empty(), "{bad}");
    }
    assert_eq!(told(&["https://b.example", "https://b.example"]).len(), 1);
    let many: Vec<String> = (0..10).map(|n| format!("https://{n}.example")).collect();
    assert_eq!(named(&recorded, &many).len(), MAX_SITES);
    let near = at("http://127.0.0.1:1");
    let list = ["http://127.0.0.1:2".to_owned(), "http://10.0.0.1:2".to_owned()];
    assert_eq!(urls(&named(&near, &list)), ["http://127.0.0.1:2"], "this machine was recorded");
    let pins = SpkiPins::parse(&["ab".repeat(32)]).expect("a key");
    let pinned = PeerEndpoint { pins: pins.clone(), ..recorded };
    let found = named(&pinned, &["https://b.example".to_owned()]);
    assert!(found.len() == 1 && found[0].pins == pins, "under the same keys");
}

/// Asks a registry with these endpoints; each answers as `says` of its URL. What came of it, and who was asked when.
async fn asks(
    native: &Native,
    others: &[&str],
    left: Duration,
    says: impl Fn(&str) -> BoxFuture<'static, Result<u8, Failure>> + Send + Sync,
) -> (Result<u8, Failure>, Vec<(String, Duration)>) {
    let (name, first) = (authority("a"), at("https://1.example"));
    native.learn(&name, &first, others.iter().map(|url| at(url)).collect());
    let (start, log) = (Instant::now(), Mutex::new(Vec::new()));
    let going = native.over((&first, &name), left, |to, _| {
        log.lock().expect("no panic").push((to.url.clone(), start.elapsed()));
        says(&to.url)
    });
    let went = going.await;
    (went, log.into_inner().expect("no panic"))
}

const LEFT: Duration = Duration::from_millis(900);

fn ready(result: Result<u8, Failure>) -> BoxFuture<'static, Result<u8, Failure>> {
    Box::pin(std::future::ready(result))
}

fn dead() -> BoxFuture<'static, Result<u8, Failure>> {
    ready(Err(Failure::Unreachable("nobody".to_owned())))
}

#[tokio::test(start_paused = true)]
async fn the_recorded_endpoint_is_enough_while_it_answers() {
    let native = native();
    let (went, log) = asks(&native, &["https://2.example"], LEFT, |_| ready(Ok(7))).await;
    assert_eq!((went.expect("an answer"), log.len()), (7, 1));
    let refuses = |_: &str| ready(Err(Failure::Refused("no".to_owned())));
    let (went, log) = asks(&native, &["https://2.example"], LEFT, refuses).await;
    assert!(matches!(went, Err(Failure::Refused(_))) && log.len() == 1, "a refusal is an answer");
}

#[tokio::test(start_paused = true)]
async fn who_cannot_be_reached_costs_no_time_and_who_is_silent_a_third() {
    let native = native();
    let others = ["https://2.example", "https://3.example"];
    let (went, log) =
        asks(&native, &others, LEFT, |url| if url.contains('3') { ready(Ok(3)) } else { dead() }).await;
    assert_eq!(went.expect("the third answers"), 3);
    assert!(log.len() == 3 && log.iter().all(|(_, when)| when.is_zero()), "{log:?}");
    let silent = |url: &str| -> BoxFuture<'static, Result<u8, Failure>> {
        if url.contains('2') { ready(Ok(2)) } else { Box::pin(pending()) }
    };
    let (went, log) = asks(&native, &["https://2.example"], LEFT, silent).await;
    assert_eq!(went.expect("the second answers"), 2);
    assert_eq!(log[1].1, LEFT / 3);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_slow_may_still_answer_while_another_is_asked() {
    let slow = |url: &str| -> BoxFuture<'static, Result<u8, Failure>> {
        if url.contains('2') {
            return Box::pin(pending());
        }
        Box::pin(async {
            tokio::time::sleep(LEFT / 2).await;
            Ok(1)
        })
    };
    let (went, log) = asks(&native(), &["https://2.example"], LEFT, slow).await;
    assert_eq!((went.expect("the first"), log.len()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn where_nobody_answers_it_ends_in_time_with_the_first_failure() {
    let native = native();
    let start = Instant::now();
    let (went, _) = asks(&native, &["https://2.example"], LEFT, |_| Box::pin(pending())).await;
    assert!(matches!(went, Err(Failure::Late)) && start.elapsed() <= LEFT + Duration::from_millis(2));
    let untrusted = |url: &str| {
        if url.contains('1') { ready(Err(Failure::Untrusted("another key".to_owned()))) } else { dead() }
    };
    let (went, log) = asks(&native, &["https://2.example"], LEFT, untrusted).await;
    assert!(matches!(went, Err(Failure::Untrusted(_))) && log.len() == 2, "{went:?}");
}

#[test]
fn what_one_says_of_itself_is_believed_of_nobody_beside_it() {
    let native = native();
    let first = at("https://1.example");
    native.learn(&authority("a"), &first, vec![at("https://2.example")]);
    assert_eq!(urls(&native.others(&authority("a"), &first)), ["https://2.example"]);
    assert!(native.others(&authority("b"), &first).is_empty());
    assert!(
        native.others(&authority("a"), &at("https://9.example")).is_empty(),
        "it was recorded elsewhere since"
    );
    native.learn(&authority("a"), &first, Vec::new());
    assert!(native.others(&authority("a"), &first).is_empty(), "it names none any more");
}
