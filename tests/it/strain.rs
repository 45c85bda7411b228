//! Under load: who did not sign in gets what is kept or recorded here, and is not asked for elsewhere.

use std::time::Duration;

use charter_domain::{Context, Kind, Query};
use charter_federation::{Budget, Mode, budget::MAX_DEADLINE};
use charter_proto::charter::federation::v1::{
    ResolveRequest, federation_service_client::FederationServiceClient,
};
use charter_server::{
    app::{
        answer::Reply,
        peers::way,
        query::{Asked, answer},
    },
    error::Code,
};
use charter_tests::{TestApp, app::SETTINGS};
use futures::{StreamExt as _, future::join_all};
use tokio::time::Instant;

use crate::{
    federation::{ISSUER, Three},
    kept::until,
};

const ROOT: &str = "did:web:root.example";
const NATION: &str = "did:web:nation.example";
const OWN: &str = "did:web:own.example";
const BELOW: &str = "did:web:university.example";
const MANY: &str = "did:web:college.example";

/// All the time that a caller may give: a busy machine is no reason to fail.
fn patient() -> Budget {
    let now = Instant::now();
    Budget { deadline: now + MAX_DEADLINE, ..Budget::fresh(now) }
}

/// Asks the root; `anonymous` under load, or as somebody known.
async fn asks(app: &TestApp, terms: (&str, &str), anonymous: bool) -> Result<Reply, charter_server::Error> {
    asks_with(app, terms, anonymous, Context::default()).await
}

async fn asks_with(
    app: &TestApp,
    (entity, resource): (&str, &str),
    anonymous: bool,
    context: Context,
) -> Result<Reply, charter_server::Error> {
    let registry = app.app.hosted.by_authority(ROOT).expect("served");
    let query = Query::parse(Kind::Authorization, (ROOT, entity, "issue", resource), context);
    let asked = Asked::new(registry, query.expect("a question"), patient());
    answer(&app.app, Asked { anonymous, strained: true, ..asked }).await
}

#[tokio::test]
async fn under_load_others_are_asked_only_for_who_signed_in() {
    let root = TestApp::build().registry(ROOT).start().await;
    let nation = TestApp::build().clock(&root.clock).under(NATION, ROOT).start().await;
    let top = root.registry(ROOT);
    top.delegates(&nation.registry(NATION), &["Degree"]).await;
    top.registers(OWN).authorized("issue", "Licence").authorized("issue", "Degree").await;
    nation.registry(NATION).registers(BELOW).authorized("issue", "Degree").await;
    nation.registry(NATION).registers(OWN).authorized("issue", "Degree").await;
    let own = asks(&root, (OWN, "Licence"), true).await.expect("nobody else has a say");
    assert!(own.is_yes() && own.direct);
    // A denial below would override: so neither yes nor no.
    for entity in [OWN, BELOW] {
        let refused =
            asks(&root, (entity, "Degree"), true).await.err().expect("not to be answered from here");
        assert_eq!(refused.code, Code::Unavailable);
    }
    let below = |said: &Reply| said.is_yes() && !said.direct && said.decided_by == NATION;
    // What is kept counts while the nation is heard of: a busy machine may have to ask again.
    until(Duration::from_secs(30), "asked, and then kept", async || {
        assert!(below(&asks(&root, (BELOW, "Degree"), false).await.expect("asked")));
        asks(&root, (BELOW, "Degree"), true).await.is_ok_and(|said| below(&said))
    })
    .await;
    // Many at once: who signed in does not share the refusals of the others.
    nation.registry(NATION).registers(MANY).authorized("issue", "Degree").await;
    let crowd = join_all((0..40).map(|n| asks(&root, (MANY, "Degree"), n % 2 == 0))).await;
    for (n, said) in crowd.into_iter().enumerate() {
        assert!(n % 2 == 0 || said.is_ok_and(|said| said.is_yes()), "{n}");
    }
    // That no peer was asked is no reason for a no.
    let follows = Context { follow_recognition: true, ..Context::default() };
    let refused = asks_with(&root, ("did:web:abroad.example", "Licence"), true, follows).await;
    assert_eq!(refused.err().expect("not to be answered from here").code, Code::Unavailable);
    // CACHED_ONLY is the same by choice, and says whom to ask. What the nation kept since before it changed is kept here
    // once its feed has told what changed.
    until(Duration::from_secs(30), "it is kept", async || {
        let asked = asks(&root, (BELOW, "Degree"), false).await.expect("asked");
        let kept = cached(&root, BELOW).await;
        asked.is_yes() && kept.is_yes() && kept.referrals.is_empty()
    })
    .await;
    let unknown = cached(&root, "did:web:nobody.example").await;
    assert!(!unknown.is_yes() && !unknown.referrals.is_empty());
}

/// Asks the root for what it has.
async fn cached(root: &TestApp, entity: &str) -> Reply {
    let registry = root.app.hosted.by_authority(ROOT).expect("served");
    let query = Query::parse(Kind::Authorization, (ROOT, entity, "issue", "Degree"), Context::default());
    let asked = Asked::new(registry, query.expect("a question"), patient());
    answer(&root.app, Asked { mode: Mode::CachedOnly, ..asked }).await.expect("a decision")
}

/// Puts many questions to the root, a few at a time: how many were refused for the load.
async fn hammers(root: &TestApp, visited: &[String]) -> usize {
    let asked = (0..400).map(|n| {
        let request = ResolveRequest {
            entity_id: format!("did:web:n{n}.example"),
            action: "issue".to_owned(),
            resource: "Degree".to_owned(),
            visited: visited.to_vec(),
            ..Default::default()
        };
        let mut client = FederationServiceClient::new(root.channel());
        async move { client.resolve(request).await }
    });
    let said: Vec<_> = futures::stream::iter(asked).buffer_unordered(16).collect().await;
    said.iter()
        .filter_map(|said| said.as_ref().err())
        .filter(|s| s.message().contains("too many questions"))
        .count()
}

#[tokio::test]
async fn a_question_over_grpc_is_spared_like_any_other_unless_a_registry_passes_it_on() {
    let settings = SETTINGS.replace("global_rps = 100000", "global_rps = 20");
    let root = TestApp::build().registry(ROOT).settings(&settings).start().await;
    let nation = TestApp::build().clock(&root.clock).under(NATION, ROOT).start().await;
    root.registry(ROOT).delegates(&nation.registry(NATION), &["Degree"]).await;
    assert!(hammers(&root, &[]).await > 0);
    assert_eq!(hammers(&root, &["did:web:above.example".to_owned()]).await, 0);
}

#[tokio::test]
async fn under_load_a_way_is_shown_as_far_as_it_is_known_here() {
    let three = Three::start().await;
    let registry = three.root.app.hosted.by_authority(ROOT).expect("served");
    let states = async |strained: bool| {
        let query = Query::parse(Kind::Authorization, (ROOT, ISSUER, "issue", "Degree"), Context::default());
        let asked = Asked::new(registry, query.expect("a question"), patient());
        let asked = Asked { anonymous: true, strained, ..asked };
        let way = way::of(&three.root.app, asked).await.expect("a way");
        way.hops.iter().filter_map(|hop| hop.link.as_ref()).map(|link| link.state).collect::<Vec<_>>()
    };
    until(Duration::from_secs(30), "the whole way", async || {
        states(false).await == ["ACTIVE", "ACTIVE", "ACTIVE"]
    })
    .await;
    assert_eq!(
        states(true).await,
        ["ACTIVE", "NOT_KNOWN", "ACTIVE"],
        "the nation is not asked about its sector"
    );
}
