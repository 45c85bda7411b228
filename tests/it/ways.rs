//! Several ways to a yes, over real servers: the shortest that holds answers. And a long one, with a server a level.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use charter_domain::{Context, Kind, Query, time::Clock};
use charter_proof::{AnchorSet, Chain, verify::verify};
use charter_proto::charter::registry::v1::{Grant, set_status_request::Target};
use charter_signing::jws;
use charter_tests::{Said, TestApp, TestClock, question::Asking};

use crate::kept::{turns, until};

const ROOT: &str = "did:web:root.example";
const COUNTRY: &str = "did:web:country.example";
const REGION: &str = "did:web:region.example";
const SECTOR: &str = "did:web:sector.example";
const NEAR: &str = "did:web:near.example";
const DESK: &str = "did:web:desk.example";
const ISSUER: &str = "did:web:university.example";
const BOTH: [&str; 2] = ["Degree", "Diploma"];
/// A subordinate's epoch is polled once a second where no feed tells it: no answer of before is given later.
const SOON: Duration = Duration::from_secs(3);

/// Root, country, region and sector: four servers with four databases, each delegating to the next.
struct Four {
    clock: Arc<TestClock>,
    root: TestApp,
    country: TestApp,
    region: TestApp,
    sector: TestApp,
}

impl Four {
    /// `path`: how many delegations the root lets follow below the country.
    async fn start(path: u32) -> Self {
        let clock = Arc::new(TestClock::default());
        let four = Self {
            root: TestApp::build().clock(&clock).registry(ROOT).start().await,
            country: TestApp::build().clock(&clock).under(COUNTRY, ROOT).start().await,
            region: TestApp::build().clock(&clock).under(REGION, COUNTRY).start().await,
            sector: TestApp::build().clock(&clock).under(SECTOR, REGION).start().await,
            clock,
        };
        four.delegates(path).await;
        four
    }

    async fn delegates(&self, path: u32) {
        let (root, country) = (self.root.registry(ROOT), self.country.registry(COUNTRY));
        let (region, sector) = (self.region.registry(REGION), self.sector.registry(SECTOR));
        let mut first = root.delegation(&country, &BOTH);
        first.max_path_length = Some(path);
        root.client().put_delegation(root.signed(first)).await.expect("delegated");
        country.delegates(&region, &BOTH).await;
        region.delegates(&sector, &BOTH).await;
        sector.registers(ISSUER).authorized("issue", "Degree").authorized("issue", "Diploma").await;
    }

    fn asks(&self, resource: &str) -> Asking<'_> {
        self.root.anonymous().asks(ISSUER, "issue", resource).with("evidence", "chain")
    }

    /// Who decided for a yes, and the links of its chain: it proves the yes to whoever pins the root.
    async fn decided(&self, resource: &str) -> (String, usize) {
        let said = self.asks(resource).both().await;
        assert_eq!(said.line(), "200 yes ACTIVE", "{said:?}");
        let links = said.chain.len();
        let anchors = AnchorSet::parse(&self.root.rest().get("/.well-known/trust-anchors").await.body);
        let query = Query::parse(Kind::Authorization, (ROOT, ISSUER, "issue", resource), Context::default());
        let (anchors, query) = (anchors.expect("an anchor set"), query.expect("a question"));
        let (chain, now) = (Chain::new(said.chain).expect("a chain"), self.clock.now());
        verify(&chain, &query, &anchors, now, now, None).expect("proven");
        (said.decided_by, links)
    }
}

#[tokio::test]
async fn of_two_ways_the_shorter_answers_while_it_holds() {
    let four = Four::start(2).await;
    let short = TestApp::build().clock(&four.clock).under(NEAR, ROOT).under(DESK, NEAR).start().await;
    let (root, near, desk) = (four.root.registry(ROOT), short.registry(NEAR), short.registry(DESK));
    root.delegates(&near, &BOTH).await;
    // Diplomas in Finland alone: what the desk states of them holds everywhere, and so lies outside.
    let mut narrow = near.delegation(&desk, &["Degree"]);
    let degrees = narrow.scope[0].clone();
    let (resources, jurisdictions) = (vec!["Diploma".to_owned()], vec!["FI".to_owned()]);
    narrow.scope.push(Grant { resources, jurisdictions, ..degrees });
    near.client().put_delegation(near.signed(narrow)).await.expect("delegated");
    desk.registers(ISSUER).authorized("issue", "Degree").authorized("issue", "Diploma").await;

    let (shorter, longer) = ((DESK.to_owned(), 4), (SECTOR.to_owned(), 5));
    assert_eq!(four.decided("Degree").await, shorter, "both hold");
    assert_eq!(four.decided("Diploma").await, longer, "the shorter is too narrow");

    let desk = || Target::SubordinateId(DESK.to_owned());
    near.sets(desk(), "SUSPENDED").await;
    let by = |who: &'static str| move |said: &Said| said.decided_by == who;
    turns(&four.asks("Degree"), SOON, by(DESK), by(SECTOR)).await;
    assert_eq!(four.decided("Degree").await, longer, "the shorter is suspended halfway");
    near.sets(desk(), "ACTIVE").await;
    let again = async || four.asks("Degree").rest().await.decided_by == DESK;
    until(Duration::from_secs(30), "the desk decides again", again).await;
    assert_eq!(four.decided("Degree").await, shorter, "both hold again");
}

#[tokio::test]
async fn four_levels_on_four_servers_answer_with_four_signatures() {
    let four = Four::start(2).await;
    assert_eq!(four.decided("Degree").await, (SECTOR.to_owned(), 5));
    let chain = four.asks("Degree").both().await.chain;
    let keys: Vec<String> = chain.iter().map(|link| jws::kid(link).expect("a key")).collect();
    assert_eq!(keys[3], keys[4], "the root signs what it says of the country and of itself");
    assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), 4, "each level has a key of its own");

    four.country.registry(COUNTRY).sets(Target::SubordinateId(REGION.to_owned()), "SUSPENDED").await;
    let line = "200 no ANCESTOR_SUSPENDED";
    turns(&four.asks("Degree"), SOON, |said| said.yes, |said| said.line() == line).await;
    let said = four.asks("Degree").both().await;
    assert_eq!((said.line().as_str(), said.decided_by.as_str()), (line, COUNTRY));
}

#[tokio::test]
async fn a_level_more_than_the_root_allows_is_not_believed() {
    let four = Four::start(1).await;
    let said = four.asks("Degree").both().await;
    assert_eq!(said.line(), "503 UNVERIFIABLE", "{said:?}");
    assert!(said.message.contains(COUNTRY) && said.message.contains("max_path_length"), "{}", said.message);
    let below = four.country.anonymous().asks(ISSUER, "issue", "Degree").both().await;
    assert_eq!(below.line(), "200 yes ACTIVE", "who allowed it believes it");
}
