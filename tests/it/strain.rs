//! Under load: who did not sign in gets what is kept or recorded here, or is told whom to ask.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use charter_domain::{Context, Kind, Query, Reason};
use charter_federation::{Budget, Mode};
use charter_proto::{
    charter::federation::v1::{
        Outcome, ResolveRequest, ResolveResponse, federation_service_client::FederationServiceClient,
    },
    trqp::v2::{AuthorizationRequest, trust_registry_query_service_client::TrustRegistryQueryServiceClient},
};
use charter_server::{
    Error,
    app::{
        answer::Reply,
        peers::way,
        query::{Asked, answer},
    },
    error::Code,
};
use charter_tests::{TestApp, app::SETTINGS};
use futures::future::join_all;
use serde_json::json;

use crate::{
    federation::{ISSUER, Three},
    kept::until,
};

const ROOT: &str = "did:web:root.example";
const NATION: &str = "did:web:nation.example";
const OWN: &str = "did:web:own.example";
const BELOW: &str = "did:web:university.example";
const MANY: &str = "did:web:college.example";

/// Until a subordinate was in time, and its feed has told what it changed.
const LONG: Duration = Duration::from_secs(30);

/// A question to the root, with time enough for any machine.
fn question(root: &TestApp, (entity, resource): (&str, &str), context: Context) -> Asked {
    let registry = root.app.hosted.by_authority(ROOT).expect("served");
    let query = Query::parse(Kind::Authorization, (ROOT, entity, "issue", resource), context);
    let now = tokio::time::Instant::now();
    let budget = Budget { deadline: now + LONG, ..Budget::fresh(now) };
    Asked { strained: true, ..Asked::new(registry, query.expect("a question"), budget) }
}

/// Asks the root; `anonymous` under load, or as somebody known.
async fn asks(root: &TestApp, terms: (&str, &str), anonymous: bool) -> Result<Reply, Error> {
    answer(&root.app, Asked { anonymous, ..question(root, terms, Context::default()) }).await
}

/// Asks the root for what it has.
async fn cached(root: &TestApp, entity: &str) -> Reply {
    let asked = question(root, (entity, "Degree"), Context::default());
    answer(&root.app, Asked { mode: Mode::CachedOnly, ..asked }).await.expect("a decision")
}

/// It is no decision, names the nation, and is kept by nobody.
fn refers(said: &Reply) -> bool {
    let whom: Vec<&str> = said.referrals.iter().map(|to| to.authority.as_str()).collect();
    said.reason == Reason::Unverifiable
        && said.chain.is_empty()
        && whom == [NATION]
        && said.referrals.iter().all(|to| to.document.is_some())
        && said.detail == format!("ask {NATION}")
        && said.expires_at <= said.evaluated_at
}

#[tokio::test]
async fn under_load_others_are_asked_only_for_who_signed_in() {
    let root = TestApp::build().registry(ROOT).start().await;
    let nation = TestApp::build().clock(&root.clock).under(NATION, ROOT).start().await;
    let top = root.registry(ROOT);
    top.delegates(&nation.registry(NATION), &["Degree"]).await;
    top.registers(OWN).authorized("issue", "Licence").authorized("issue", "Degree").await;
    nation.registry(NATION).registers(BELOW).authorized("issue", "Degree").await;
    let own = asks(&root, (OWN, "Licence"), true).await.expect("nobody else has a say");
    assert!(own.is_yes() && own.direct);
    // A denial below would override: so neither yes nor no, but whom to ask. Nobody has asked yet, so nothing is kept.
    for entity in [OWN, BELOW, BELOW] {
        let said = asks(&root, (entity, "Degree"), true).await.expect("whom to ask");
        assert!(refers(&said), "{entity} {:?}", said.entry);
    }
    let chosen = cached(&root, BELOW).await;
    assert!(refers(&chosen), "CACHED_ONLY is the same by choice: {:?}", chosen.entry);
    // What was asked for who signed in is kept, for all.
    until(LONG, "asked, and then kept", async || {
        let signed = asks(&root, (BELOW, "Degree"), false).await.expect("a decision");
        let [said, chosen] =
            [asks(&root, (BELOW, "Degree"), true).await.expect("a decision"), cached(&root, BELOW).await];
        for said in [&said, &chosen] {
            assert!(said.is_yes() || refers(said), "{:?}", said.entry);
        }
        let kept = |said: &Reply| said.is_yes() && !said.direct && said.decided_by == NATION;
        signed.is_yes() && kept(&said) && kept(&chosen) && chosen.referrals.is_empty()
    })
    .await;
    // A denial of one's own needs nobody else.
    top.revokes(OWN).await;
    let said = asks(&root, (OWN, "Degree"), true).await.expect("a decision");
    assert_eq!((said.reason, said.chain.len()), (Reason::Revoked, 1));
}

#[tokio::test]
async fn of_many_at_once_who_signed_in_does_not_share_what_the_others_are_told() {
    let root = TestApp::build().registry(ROOT).start().await;
    let nation = TestApp::build().clock(&root.clock).under(NATION, ROOT).start().await;
    root.registry(ROOT).delegates(&nation.registry(NATION), &["Degree"]).await;
    nation.registry(NATION).registers(MANY).authorized("issue", "Degree").await;
    until(LONG, "the nation was in time", async || {
        let crowd = join_all((0..40).map(|n| asks(&root, (MANY, "Degree"), n % 2 == 0))).await;
        let (mut signed, mut all) = (Vec::new(), true);
        for (n, said) in crowd.into_iter().enumerate() {
            match said {
                Err(busy) => assert!(n % 2 == 0 && busy.code == Code::Unavailable, "{n}: {busy}"),
                Ok(said) if n % 2 == 0 => assert!(said.is_yes() || refers(&said), "{n}: {:?}", said.entry),
                Ok(said) => signed.push(said),
            }
        }
        for said in signed {
            // Late it may have been, but it was asked.
            assert!(said.is_yes() || said.reason == Reason::Unverifiable && said.referrals.is_empty());
            all &= said.is_yes();
        }
        all
    })
    .await;
}

#[tokio::test]
async fn that_no_recognised_peer_was_asked_is_no_reason_for_a_no() {
    let root = TestApp::build().registry(ROOT).start().await;
    let follows = Context { follow_recognition: true, ..Context::default() };
    let asked = question(&root, ("did:web:abroad.example", "Licence"), follows);
    let refused = answer(&root.app, Asked { anonymous: true, ..asked }).await;
    assert_eq!(refused.err().expect("not to be answered from here").code, Code::Unavailable);
}

/// A root with so small a limit that it can be used up, and a nation.
async fn small() -> [TestApp; 2] {
    let settings = SETTINGS.replace("global_rps = 100000", "global_rps = 1000");
    let root = TestApp::build().registry(ROOT).settings(&settings).start().await;
    let nation = TestApp::build().clock(&root.clock).under(NATION, ROOT).start().await;
    root.registry(ROOT).delegates(&nation.registry(NATION), &["Degree"]).await;
    [root, nation]
}

/// Uses up the limit of all requests but for what comes back until the next one, which counts as under load.
fn strains(root: &TestApp) {
    while root.app.limiter.admits(IpAddr::from([127, 0, 0, 1])) {}
}

/// Asks about somebody new each time, under load, until the limit left a place and the load was still there.
async fn under_load<T>(root: &TestApp, asks: impl AsyncFn(String) -> Option<T>) -> T {
    let (end, mut n) = (Instant::now() + LONG, 0);
    loop {
        strains(root);
        if let Some(said) = asks(format!("did:web:n{n}.example")).await {
            return said;
        }
        assert!(Instant::now() < end, "no question of {n} was told whom to ask");
        n += 1;
    }
}

async fn resolves(root: &TestApp, entity: String, visited: &[&str]) -> Option<ResolveResponse> {
    let request = ResolveRequest {
        entity_id: entity,
        action: "issue".to_owned(),
        resource: "Degree".to_owned(),
        visited: visited.iter().map(ToString::to_string).collect(),
        ..Default::default()
    };
    let said = FederationServiceClient::new(root.channel()).resolve(request).await;
    said.ok().map(tonic::Response::into_inner)
}

#[tokio::test]
async fn a_question_over_grpc_is_spared_like_any_other_unless_a_registry_passes_it_on() {
    let [root, _nation] = small().await;
    let spared = async |entity| resolves(&root, entity, &[]).await.filter(|said| !said.referrals.is_empty());
    let said = under_load(&root, spared).await;
    assert_eq!((said.outcome(), said.reason.as_str()), (Outcome::Indeterminate, "UNVERIFIABLE"));
    assert_eq!((said.referrals[0].authority_id.as_str(), said.chain.len()), (NATION, 0));
    assert!(!said.referrals[0].subordinate_statement.is_empty());
    for n in 0..50 {
        strains(&root);
        let passed_on = resolves(&root, format!("did:web:m{n}.example"), &["did:web:above.example"]).await;
        assert!(passed_on.is_none_or(|said| said.referrals.is_empty()), "{n}");
    }
}

#[tokio::test]
async fn doors_that_know_yes_and_no_alone_say_whom_to_ask_in_the_problem() {
    let [root, nation] = small().await;
    let rest = root.rest();
    let post = async |path: &str, entity: &str| {
        let asked =
            json!({ "entity_id": entity, "authority_id": ROOT, "action": "issue", "resource": "Degree" });
        let reply = rest.post(path, &asked).await;
        reply.json()["referrals"].get(0).is_some().then_some(reply)
    };
    let decision = under_load(&root, async |entity| post("/api/v1/resolve", &entity).await).await;
    assert_eq!(decision.status, 200);
    let decision = decision.json();
    assert_eq!(
        (&decision["outcome"], &decision["reason"]),
        (&json!("indeterminate"), &json!("UNVERIFIABLE"))
    );
    let problem = under_load(&root, async |entity| post("/authorization", &entity).await).await;
    assert_eq!(problem.problem(), (503, "UNVERIFIABLE".to_owned()));
    assert_eq!((problem.header("retry-after"), &problem.json()["retryable"]), ("1", &json!(true)));
    let statement = &decision["referrals"][0]["subordinate_statement"];
    assert!(statement.is_string());
    let whom =
        json!([{ "authority_id": NATION, "endpoint": nation.url(), "subordinate_statement": statement }]);
    assert_eq!(problem.json()["referrals"], whom);
    // Details of gRPC name the same, without the statement.
    let status = under_load(&root, async |entity_id| {
        let (authority_id, action, resource) = (ROOT.to_owned(), "issue".to_owned(), "Degree".to_owned());
        let request =
            AuthorizationRequest { entity_id, authority_id, action, resource, ..Default::default() };
        let said = TrustRegistryQueryServiceClient::new(root.channel()).authorization(request).await;
        said.err().filter(|status| !Error::from(status).referrals.is_empty())
    })
    .await;
    let error = Error::from(&status);
    assert_eq!((status.code(), error.code), (tonic::Code::Unavailable, Code::Unverifiable));
    let [to] = &error.referrals[..] else { panic!("{:?}", error.referrals) };
    assert_eq!((to.authority.as_str(), &to.endpoint), (NATION, &nation.url()));
}

#[tokio::test]
async fn under_load_a_way_is_shown_as_far_as_it_is_known_here() {
    let three = Three::start().await;
    let states = async |strained: bool| {
        let asked = question(&three.root, (ISSUER, "Degree"), Context::default());
        let asked = Asked { anonymous: true, strained, ..asked };
        let way = way::of(&three.root.app, asked).await.expect("a way");
        way.hops.iter().filter_map(|hop| hop.link.as_ref()).map(|link| link.state).collect::<Vec<_>>()
    };
    assert_eq!(states(true).await, ["UNVERIFIABLE", "UNVERIFIABLE"], "nothing is kept, and nobody asked");
    // What is known here at the root is that the nation may speak, and what it said; the nation is not asked about its sector.
    until(LONG, "kept", async || {
        let (all, known) = (states(false).await, states(true).await);
        assert_ne!(known.get(1), Some(&"ACTIVE"));
        all == ["ACTIVE", "ACTIVE", "ACTIVE"] && known == ["ACTIVE", "NOT_KNOWN", "ACTIVE"]
    })
    .await;
}
