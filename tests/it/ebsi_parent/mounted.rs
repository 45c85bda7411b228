//! Questions to a root of EBSI, put to a registry that knows it: answered by whom the root accredits.

use std::{sync::Arc, time::Duration};

use charter_domain::{Timestamp, time::Clock as _};
use charter_proto::charter::{
    federation::v1::{self as fed, federation_service_client::FederationServiceClient},
    registry::v1 as reg,
};
use charter_signing::Signer as _;
use charter_tests::{
    Asking, TestApp, TestClock,
    app::{SETTINGS, hurried},
    ebsi::{
        Chain, Reply, Server,
        chain::{SCHEMA, document, gives},
    },
};

const FINLAND: &str = "did:web:fi.example";
const GERMANY: &str = "did:web:de.example";
const UNIVERSITY: &str = "did:web:uni.fi.example";
const YEAR: i64 = 365 * 86_400;

/// Finland with a university; Germany, which knows the root above Finland; and the root's registry.
struct Mounted {
    finland: TestApp,
    germany: TestApp,
    server: Server,
    chain: Chain,
    clock: Arc<TestClock>,
}

/// The setting of a registry that knows a root above Finland.
fn parent(base: &str, root: &str, finland: &TestApp) -> String {
    let member = format!("{{ did = \"{FINLAND}\", endpoint = \"{}\" }}", finland.url());
    format!("ebsi_parents = [ {{ base_url = \"{base}\", root = \"{root}\", members = [ {member} ] }} ]")
}

impl Mounted {
    async fn start() -> Self {
        Self::with(SETTINGS).await
    }

    /// With the settings of Germany's server.
    async fn with(settings: &str) -> Self {
        let (clock, server) = (Arc::<TestClock>::default(), Server::start().await);
        let finland = TestApp::build().clock(&clock).registry(FINLAND).start().await;
        let own = finland.registry(FINLAND);
        own.registers(UNIVERSITY).authorized("issue", "Degree").authorized("issue", "Licence").await;
        let mut chain = Chain::good(&server.url, 3);
        FINLAND.clone_into(&mut chain.parties[2].did);
        let now = clock.now().secs();
        for s in &mut chain.statements {
            (s.iat, s.valid) = (now - 60, (now - YEAR, now + YEAR));
        }
        chain.statements[1].gives = gives(SCHEMA, "Degree", &[]);
        let lowest = &mut chain.statements[2];
        lowest.gives = gives(SCHEMA, "Degree", &[]);
        (lowest.role, lowest.kind) = ("TAO", "VerifiableAccreditationToAccredit");
        for party in &mut chain.parties {
            party.since = now - YEAR;
        }
        let details = parent(&server.url, &chain.parties[0].did, &finland);
        let germany = TestApp::build().clock(&clock).registry(GERMANY).details(&details);
        let germany = germany.settings(settings).start().await;
        // Somebody of Germany's own: its words for actions and types are known.
        germany.registry(GERMANY).registers("did:web:uni.de.example").authorized("issue", "Degree").await;
        let mounted = Self { finland, germany, server, chain, clock };
        mounted.publish();
        mounted
    }

    /// The chain as it is now, with the keys of Finland's registry in its DID document.
    fn publish(&self) {
        self.chain.publish(&self.server);
        let own = self.finland.registry(FINLAND);
        let keys: serde_json::Value =
            serde_json::from_str(&own.delegation(&own, &["Degree"]).jwks_json).expect("keys");
        let text = document(FINLAND, Some(&keys["keys"][0])).to_string();
        self.server.answers(self.chain.document(2), Reply::Text(text));
    }

    fn asks(&self, resource: &str) -> Asking<'_> {
        self.germany.anonymous().asks(UNIVERSITY, "issue", resource).of(&self.chain.parties[0].did).at_once()
    }

    fn later(&self, secs: u64) {
        self.clock.advance(Duration::from_secs(secs));
    }
}

#[tokio::test]
async fn a_question_to_the_root_is_answered_by_whom_it_accredits() {
    let mounted = Mounted::start().await;
    let said = mounted.asks("Degree").both().await;
    assert_eq!(said.line(), "200 yes ACTIVE", "{said:?}");
    assert_eq!((said.basis.as_str(), said.decided_by.as_str()), ("DELEGATED", FINLAND));
    assert!(said.message.contains(&mounted.chain.parties[0].did), "{}", said.message);
    // Germany itself has not heard of the university: its own records are as they were.
    let own = mounted.germany.anonymous().asks(UNIVERSITY, "issue", "Degree");
    assert_eq!(own.both().await.line(), "404 UNKNOWN_ENTITY");
    // The chain begins at Finland's statement, and Germany's way up does not continue it.
    let said = mounted.asks("Degree").with("evidence", "full").rest().await;
    assert_eq!(said.chain.len(), 1, "{said:?}");
}

#[tokio::test]
async fn what_the_root_did_not_give_is_not_answered_with_a_yes() {
    let mounted = Mounted::start().await;
    assert_eq!(mounted.asks("Licence").both().await.line(), "503 UNVERIFIABLE");
    let own = mounted.finland.anonymous().asks(UNIVERSITY, "issue", "Licence");
    assert_eq!(own.both().await.line(), "200 yes ACTIVE", "Finland says so itself");
    let stranger = mounted.germany.anonymous().asks("did:web:no.example", "issue", "Degree");
    let stranger = stranger.of(&mounted.chain.parties[0].did).at_once();
    assert_eq!(stranger.both().await.line(), "404 UNKNOWN_ENTITY", "Finland denies it, and signs that");
    let other = mounted.asks("Degree").of("did:ebsi:zSomebodyElse");
    assert_eq!(other.both().await.line(), "404 UNKNOWN_AUTHORITY");
}

#[tokio::test]
async fn a_revocation_in_the_registry_of_the_root_counts_within_a_minute() {
    let mut mounted = Mounted::start().await;
    assert_eq!(mounted.asks("Degree").both().await.line(), "200 yes ACTIVE");
    mounted.chain.statements[1].role = "Revoked";
    mounted.publish();
    mounted.later(61);
    let said = mounted.asks("Degree").both().await;
    assert_eq!(said.line(), "503 UNVERIFIABLE", "{said:?}");
    // Nor as a stale answer, however old it may be.
    let stale = mounted.asks("Degree").with("max_staleness", "3600").rest().await;
    assert_eq!(stale.line(), "503 UNVERIFIABLE", "{stale:?}");
    mounted.chain.statements[1].role = "TAO";
    mounted.publish();
    mounted.later(11);
    assert_eq!(mounted.asks("Degree").both().await.line(), "200 yes ACTIVE");
}

#[tokio::test]
async fn another_key_than_the_roots_registry_names_is_not_believed() {
    let mounted = Mounted::start().await;
    let other = mounted.chain.parties[1].signer.key().to_jwk();
    let text = document(FINLAND, Some(&other)).to_string();
    mounted.server.answers(mounted.chain.document(2), Reply::Text(text));
    let said = mounted.asks("Degree").both().await;
    assert_eq!(said.line(), "503 UNVERIFIABLE", "{said:?}");
}

#[tokio::test]
async fn a_registry_that_is_silent_leaves_the_question_open() {
    let mounted = Mounted::with(&hurried()).await;
    mounted.server.answers(mounted.chain.list(2), Reply::Silence);
    let said = mounted.asks("Degree").rest().await;
    assert_eq!(said.line(), "503 UNVERIFIABLE", "{said:?}");
    assert!(said.message.contains("ask again"), "{}", said.message);
}

#[tokio::test]
async fn an_accreditation_is_judged_as_of_the_instant_asked_about() {
    let mounted = Mounted::start().await;
    let past = Timestamp::from_secs(mounted.clock.now().secs() - 2 * YEAR);
    let said = mounted.asks("Degree").at(past).rest().await;
    assert_eq!(said.line(), "503 UNVERIFIABLE", "it was not accredited then: {said:?}");
}

#[tokio::test]
async fn who_asks_for_others_is_not_answered_under_the_root() {
    let mounted = Mounted::start().await;
    assert_eq!(mounted.asks("Degree").both().await.line(), "200 yes ACTIVE");
    let request = fed::ResolveRequest {
        authority_id: mounted.chain.parties[0].did.clone(),
        entity_id: UNIVERSITY.to_owned(),
        action: "issue".to_owned(),
        resource: "Degree".to_owned(),
        visited: vec!["did:web:union.example".to_owned()],
        ..Default::default()
    };
    let mut client = FederationServiceClient::new(mounted.germany.channel());
    let reply = client.resolve(request).await.expect("an answer").into_inner();
    assert_eq!((reply.reason.as_str(), reply.chain.len()), ("UNVERIFIABLE", 0), "{reply:?}");
}

#[tokio::test]
async fn a_registry_of_ours_is_a_root_as_good_as_any() {
    const ROOT: &str = "did:web:root.example";
    let clock = Arc::<TestClock>::default();
    let finland = TestApp::build().clock(&clock).registry(FINLAND).start().await;
    finland.registry(FINLAND).registers(UNIVERSITY).authorized("issue", "Degree").within("FI").await;
    let root = TestApp::build().clock(&clock).reachable().registry(ROOT).start().await;
    let (own, below) = (root.registry(ROOT), finland.registry(FINLAND));
    let until = clock.now().plus(Duration::from_secs(3_600));
    let request = reg::PutDelegationRequest {
        valid_until: Some(prost_types::Timestamp { seconds: until.secs(), nanos: 0 }),
        ..own.delegation(&below, &["Degree"])
    };
    own.client().put_delegation(own.signed(request)).await.expect("delegated");
    let details = parent(&root.url(), ROOT, &finland);
    let germany = TestApp::build().clock(&clock).registry(GERMANY).details(&details).start().await;
    let asks = || germany.anonymous().asks(UNIVERSITY, "issue", "Degree").of(ROOT).at_once();
    let said = asks().both().await;
    assert_eq!(said.line(), "200 yes ACTIVE", "{said:?}");
    // The root's word ends, and with it what rests on it.
    clock.advance(Duration::from_secs(3_601));
    let said = asks().both().await;
    assert_eq!(said.line(), "503 UNVERIFIABLE", "{said:?}");
}
