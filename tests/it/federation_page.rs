//! The federation as it is seen: the page, the drawn path of a question, and the same from the command line.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use charter_domain::time::Clock;
use charter_proto::charter::{
    federation::v1::{self as fed, federation_service_client::FederationServiceClient},
    registry::v1::set_status_request::Target,
};
use charter_server::app::peers::tree::TURNS;
use charter_tests::{AUTHORITY, TestApp, TestClock, app::hurried, rest::Reply};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{
    federation::{ISSUER, NATION, ROOT, SECTOR, Three},
    kept::until,
    peer::{PEER, Peer, statement, yes},
    tls::charter,
};

const QUESTION: &str = "/federation?entity_id=did%3Aweb%3Auniversity.example&action=issue&resource=Degree";

/// What stands between two marks, each time.
fn between<'a>(text: &'a str, open: &str, close: &str) -> Vec<&'a str> {
    text.split(open).skip(1).filter_map(|rest| rest.split(close).next()).collect()
}

/// The path in words; the drawing must say the same.
fn path(page: &Reply) -> Vec<String> {
    let text = page.text();
    let words = between(&text, "<ol", "</ol>").concat();
    let words = between(&words, "<li>", "</li>");
    assert_eq!(words, between(&text, "<g><title>", "</title>"), "{text}");
    words.into_iter().map(str::to_owned).collect()
}

/// The cells of an authority's row in the table, without marks: state, scope, end, epoch, published, heard, failures,
/// breaker.
fn cells(page: &str, authority: &str) -> Vec<String> {
    let rows = between(page, "<tr>", "</tr>");
    let row = rows.into_iter().find(|row| row.contains("<th scope=\"row\">") && row.contains(authority));
    let text = |part: &str| part.rsplit('>').next().unwrap_or_default().to_owned();
    let plain = |cell: &str| cell.split('<').map(text).collect::<String>();
    between(row.expect("its row"), "<td>", "</td>").into_iter().map(plain).collect()
}

/// Longer than a tree is kept.
const NEW_TREE: Duration = Duration::from_secs(40);
/// As long as a tree is kept.
const KEPT: Duration = Duration::from_secs(5);

#[tokio::test]
async fn the_table_says_by_what_each_is_heard_and_how_freshly_and_what_its_breaker_says() {
    let three = Three::start().await;
    three.root.anonymous().asks(ISSUER, "issue", "Degree").rest().await;
    let (rest, app) = (three.root.rest(), TestApp::start().await);
    until(NEW_TREE, "a feed is heard", async || {
        let told = cells(&rest.get("/federation").await.text(), NATION);
        told[5].contains(" s ago, by its feed") && told[6] == "none" && told[7] == "closed"
    })
    .await;
    let peer = Peer::start(Duration::ZERO).await;
    peer.is_delegated(&app).await;
    let (entity, now) = ("did:web:honest.example", app.clock.now());
    peer.says(entity, Ok(yes(vec![statement(entity, now).sign(&peer.signer).expect("signed")], now)));
    let (rest, asking) = (app.rest(), app.anonymous().asks(entity, "issue", "Degree"));
    until(NEW_TREE, "one without a feed is polled", async || {
        asking.rest().await;
        let told = cells(&rest.get("/federation").await.text(), PEER);
        told[3] == "3" && told[5].ends_with(" s ago, by poll") && told[7] == "closed"
    })
    .await;
}

#[tokio::test]
async fn keys_that_are_announced_and_not_stated_are_shown() {
    let clock = Arc::new(TestClock::default());
    let root = TestApp::build().clock(&clock).registry(ROOT).start().await;
    let announced = format!("tls_spki_sha256 = [\"{}\"]", "0a".repeat(32));
    let nation = TestApp::build().clock(&clock).under(NATION, ROOT).details(&announced).start().await;
    root.registry(ROOT).delegates(&nation.registry(NATION), &["Degree"]).await;
    nation.registry(NATION).registers(ISSUER).authorized("issue", "Degree").await;
    until(NEW_TREE, "its configuration is heard", async || {
        let (code, table) = charter(&root.url(), &["federation", "peers"]).await;
        code == Some(0) && table.contains("ACTIVE, announces other TLS keys")
    })
    .await;
    let rest = root.rest();
    until(NEW_TREE, "the page shows it", async || {
        cells(&rest.get("/federation").await.text(), NATION)[0].contains("announces other TLS keys")
    })
    .await;
}

async fn root_suspends(three: &Three, subordinate: &str, state: &str) {
    three.root.registry(ROOT).sets(Target::SubordinateId(subordinate.to_owned()), state).await;
}

#[tokio::test]
async fn the_page_shows_all_that_is_below_and_needs_nothing_from_elsewhere() {
    let three = Three::start().await;
    // Those below have a moment to be asked in.
    let rest = three.root.rest();
    until(NEW_TREE, "all are shown", async || rest.get("/federation").await.text().contains(SECTOR)).await;
    let page = rest.get("/federation").await;
    let text = page.text();
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"), "{text}");
    for id in [NATION, SECTOR] {
        // The base URL of the tests' configuration.
        let link = format!("<a href=\"http://127.0.0.1:0/federation\" rel=\"nofollow\">{id}</a>");
        assert!(text.contains(&link), "{id}: {text}");
    }
    for part in ["<html lang=\"en\">", "<th scope=\"col\">Authority</th>", "<th scope=\"row\">", "an anchor"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    for part in ["<script", " style=", "src=", "@import", "url(", "javascript:"] {
        assert!(!text.contains(part), "{part}");
    }
    let style = BASE64.encode(Sha256::digest(between(&text, "<style>", "</style>")[0]));
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    assert!(
        policy.contains(&format!("style-src 'sha256-{style}'")) && !policy.contains("unsafe"),
        "{policy}"
    );
    // Under its slug, and one level down.
    let named = three.root.rest().get("/r/r0/federation").await;
    assert!(named.status == 200 && named.text().contains(SECTOR), "{}", named.text());
    let below = three.nation.rest().get("/federation").await.text();
    assert!(below.contains("https://root.example") && below.contains(SECTOR), "{below}");
    let strange = three.root.rest().get("/federation?colour=red").await;
    assert_eq!(strange.problem(), (400, "INVALID".to_owned()));
}

#[tokio::test]
async fn a_path_is_drawn_and_said_alike_and_a_suspended_link_shows() {
    let three = Three::start().await;
    let rest = three.root.rest();
    // The nation has a moment to say what it states of the sector.
    let below = format!("{SECTOR} (registry): ACTIVE, may");
    let stated = async || path(&rest.get(QUESTION).await).iter().any(|hop| hop.starts_with(&below));
    until(NEW_TREE, "all links are shown", stated).await;
    let yes = rest.get(QUESTION).await;
    let way = path(&yes);
    assert!(yes.text().contains("Yes, ACTIVE"), "{}", yes.text());
    assert_eq!(way.len(), 4, "{way:?}");
    for (hop, start) in way.iter().zip([
        format!("{ROOT} (asked registry)"),
        format!("{NATION} (registry): ACTIVE, may speak for * on Degree, Diploma"),
        format!("{SECTOR} (registry): ACTIVE, may speak for * on Degree"),
        format!("{ISSUER} (entity): ACTIVE, issue Degree"),
    ]) {
        assert!(hop.starts_with(&start), "{hop}: {start}");
    }
    root_suspends(&three, NATION, "SUSPENDED").await;
    let no = rest.get(QUESTION).await;
    let way = path(&no);
    assert_eq!(way.len(), 3, "{way:?}");
    assert!(way[1].starts_with(&format!("{NATION} (registry): SUSPENDED,")), "{way:?}");
    assert!(way[2].ends_with("ANCESTOR_SUSPENDED, issue Degree"), "{way:?}");
    let text = no.text();
    assert!(text.contains("<line class=\"bad\"") && text.contains("class=\"bad\">SUSPENDED"), "{text}");
    assert!(!text.contains(SECTOR), "who is below a suspended registry is not asked for: {text}");

    root_suspends(&three, NATION, "ACTIVE").await;
    let nation = three.nation.registry(NATION);
    nation.sets(Target::SubordinateId(SECTOR.to_owned()), "SUSPENDED").await;
    let below = format!("{SECTOR} (registry): SUSPENDED,");
    let seen = || async {
        let way = path(&rest.get(QUESTION).await);
        way.len() == 4 && way[1].contains("ACTIVE") && way[2].starts_with(&below)
    };
    until(NEW_TREE, "the link further down is shown as suspended", seen).await;
}

#[tokio::test]
async fn who_cannot_be_asked_is_shown_as_such() {
    let Three { root, nation, sector } = Three::start().await;
    sector.stop().await;
    let page = root.rest().get(QUESTION).await;
    assert_eq!(page.status, 200, "{}", page.text());
    let way = path(&page);
    assert!(page.text().contains("Cannot tell, UNVERIFIABLE"), "{}", page.text());
    assert!(way[2].starts_with(&format!("{SECTOR} (registry): UNVERIFIABLE,")), "{way:?}");
    let above = nation.rest().get("/federation").await.text();
    assert!(above.contains("could not be asked"), "{above}");
    let told = cells(&above, SECTOR);
    assert!(told[7].starts_with("open: asked again in "), "{told:?}");
    let mut client = FederationServiceClient::new(nation.channel());
    let said = client.list_peers(fed::ListPeersRequest::default()).await.expect("said").into_inner();
    let peer = &said.peers[0];
    assert_eq!((peer.subordinate_id.as_str(), peer.epoch, peer.heard_ms), (SECTOR, -1, -1));
    assert!(peer.failures > 0 && peer.last_failure == "UNREACHABLE" && peer.rests_ms >= 0, "{peer:?}");
    let (code, table) = charter(&nation.url(), &["federation", "peers"]).await;
    assert!(code == Some(0) && table.contains("UNREACHABLE, asked again in "), "{table}");
    let (code, drawn) = charter(&root.url(), &["federation", "graph"]).await;
    assert!(code == Some(0) && drawn.contains("could not be asked"), "{drawn}");
}

#[tokio::test]
async fn who_was_given_no_time_has_not_failed() {
    let app = TestApp::start().await;
    let peer = Peer::start(Duration::from_secs(60)).await;
    peer.is_delegated(&app).await;
    let mut client = FederationServiceClient::new(app.channel());
    let below = fed::ListPeersRequest { via: vec![PEER.to_owned()], ..Default::default() };
    // Where the machine is late itself, there is no time left to ask at all.
    until(NEW_TREE, "it was asked", async || {
        let mut asked = tonic::Request::new(below.clone());
        asked.set_timeout(Duration::from_millis(300));
        let mut client = FederationServiceClient::new(app.channel());
        client.list_peers(asked).await.expect_err("there was no time");
        peer.looked_at.load(Ordering::Relaxed) > 0
    })
    .await;
    let said = client.list_peers(fed::ListPeersRequest::default()).await.expect("said").into_inner();
    assert_eq!((said.peers[0].failures, said.peers[0].last_failure.as_str()), (0, ""), "{said:?}");
}

/// What a peer may say at its worst.
fn hostile() -> fed::ListPeersResponse {
    let peer = fed::Peer {
        subordinate_id: format!("did:web:{}.example", "x".repeat(1_900)),
        entity_identifier: "https://x.example".to_owned(),
        endpoint: "http://127.0.0.1:1".to_owned(),
        state: "SUSPENDED".to_owned(),
        scope: "</td><script>".repeat(1_000),
        ..Default::default()
    };
    fed::ListPeersResponse {
        authority_id: PEER.to_owned(),
        name: format!("<script>alert(1)</script>\u{202e}{}", "evil".repeat(2_500)),
        public_url: "javascript:alert(1)//".to_owned(),
        peers: vec![peer],
        ..Default::default()
    }
}

#[tokio::test]
async fn what_others_wrote_is_escaped_and_bounded() {
    let app = TestApp::start().await;
    let peer = Peer::start(Duration::ZERO).await;
    peer.is_delegated(&app).await;
    peer.says_below(hostile());
    let page = app.rest().get("/federation").await.text();
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;\u{fffd}") && page.contains(PEER), "{page}");
    let typed = format!("%22%3E%3Cscript%3E%E2%80%AE{}", "a".repeat(8_000));
    let asked = app.rest().get(&format!("/federation?entity_id={typed}&action=issue&resource=%3Cb%3E")).await;
    assert_eq!(asked.status, 400, "{}", asked.text());
    assert!(asked.text().contains("role=\"alert\"") && asked.text().contains("INVALID"), "{}", asked.text());
    for text in [page, asked.text()] {
        for part in ["<script", "<b>", "javascript:", "\u{202e}"] {
            assert!(!text.contains(part), "{part:?}: {text}");
        }
        assert!(text.len() < 20_000, "{} bytes", text.len());
    }
    // Nor does it reach a terminal, or leave its label in a drawing.
    for form in ["table", "json", "dot", "mermaid"] {
        let (code, drawn) = charter(&app.url(), &["federation", "graph", "-o", form]).await;
        assert!(code == Some(0) && drawn.contains(PEER) && drawn.len() < 40_000, "{form}: {drawn}");
        assert!(form == "json" || !drawn.contains('\u{202e}'), "{form}: {drawn}");
    }
}

#[tokio::test]
async fn a_visitor_costs_those_below_a_bounded_number_of_questions() {
    let app = TestApp::start().await;
    let peer = Peer::start(Duration::ZERO).await;
    peer.is_delegated(&app).await;
    let child = |n: u32| fed::Peer {
        subordinate_id: format!("did:web:child-{n:03}.example"),
        entity_identifier: format!("https://child-{n:03}.example"),
        state: "ACTIVE".to_owned(),
        ..Default::default()
    };
    let peers = (0..150).map(child).collect();
    let said = fed::ListPeersResponse { authority_id: PEER.to_owned(), peers, ..Default::default() };
    peer.says_below(said);
    let rest = app.rest();
    let start = Instant::now();
    let pages = (0..20).map(|_| rest.get("/federation"));
    let pages = futures::future::join_all(pages).await;
    // Each of its own answers for a child is of another authority, and so is none.
    let trees = 1 + start.elapsed().as_secs() / KEPT.as_secs();
    let asked = peer.looked_at.load(Ordering::Relaxed);
    assert!(asked > 0, "somebody was asked");
    assert!(u64::try_from(asked).is_ok_and(|n| n <= 64 * trees), "{asked}: 64 questions for a tree, {trees}");
    for text in pages.iter().map(Reply::text) {
        assert!(text.contains("did:web:child-149.example") && text.contains("not asked: too many"), "{text}");
    }
}

#[tokio::test]
async fn trees_of_all_registries_together_take_turns() {
    let app = TestApp::build().settings(&hurried()).start().await;
    let turns = std::sync::Arc::clone(&app.app.trees.turns);
    let all = turns.acquire_many_owned(u32::try_from(TURNS).expect("few")).await.expect("open");
    let late = app.rest().get("/federation").await;
    assert_eq!(late.problem(), (504, "DEADLINE_EXCEEDED".to_owned()), "others grow");
    drop(all);
    assert_eq!(app.rest().get("/federation").await.status, 200);
}

#[tokio::test]
async fn a_list_goes_on_where_it_ended_and_refuses_what_is_not_there() {
    let names: Vec<String> = (0..5).map(|n| format!("did:web:child-{n}.example")).collect();
    let build = names.iter().fold(TestApp::build().registry(AUTHORITY), |b, id| b.under(id, AUTHORITY));
    let app = build.start().await;
    for id in &names {
        app.registry(AUTHORITY).delegates(&app.registry(id), &["Degree"]).await;
    }
    let mut client = FederationServiceClient::new(app.channel());
    let (mut after_id, mut found) = (String::new(), Vec::new());
    for left in [3, 1, 0] {
        let request = fed::ListPeersRequest { after_id, page_size: 2, ..Default::default() };
        let page = client.list_peers(request).await.expect("a page").into_inner();
        assert_eq!(page.more, left > 0);
        found.extend(page.peers.iter().map(|p| p.subordinate_id.clone()));
        assert!(
            page.peers.iter().all(|p| p.hosted && p.heard_ms == 0 && p.rests_ms == -1 && p.epoch > 0),
            "{page:?}"
        );
        after_id = found.last().expect("some").clone();
    }
    assert_eq!(found, names);
    let only = fed::ListPeersRequest { subordinate_id: names[3].clone(), ..Default::default() };
    let only = client.list_peers(only).await.expect("one").into_inner();
    assert!(only.peers.len() == 1 && !only.more && only.peers[0].subordinate_id == names[3]);
    let nowhere =
        fed::ListPeersRequest { via: vec!["did:web:nowhere.example".to_owned()], ..Default::default() };
    let status = client.list_peers(nowhere).await.expect_err("no way");
    assert_eq!(status.code(), tonic::Code::NotFound);
    let long = fed::ListPeersRequest { via: vec![names[0].clone(); 9], ..Default::default() };
    assert_eq!(client.list_peers(long).await.expect_err("too long").code(), tonic::Code::InvalidArgument);
    let page = app.rest().get("/federation").await.text();
    assert!(names.iter().all(|id| page.contains(id)) && page.contains("href=\"/r/r3/federation\""), "{page}");
}

#[tokio::test]
async fn the_command_line_draws_lists_and_spells_out() {
    let three = Three::start().await;
    let url = three.root.url();
    let prints = async |args: &[&str]| {
        let (code, text) = charter(&url, &[&["federation"][..], args, &["--quiet"]].concat()).await;
        assert_eq!(code, Some(0), "{args:?}: {text}");
        text
    };
    // Those below have a moment to be asked in.
    until(NEW_TREE, "all are drawn", async || prints(&["graph"]).await.contains(SECTOR)).await;
    let tree = prints(&["graph"]).await;
    let lines: Vec<&str> = tree.lines().collect();
    assert!(lines[0].starts_with("AUTHORITY") && lines[1].starts_with(ROOT), "{tree}");
    assert!(lines[2].starts_with(&format!("└─ {NATION}")) && lines[2].contains("ACTIVE"), "{tree}");
    assert!(lines[3].starts_with(&format!("   └─ {SECTOR}")), "{tree}");
    let json: Value = serde_json::from_str(&prints(&["graph", "-o", "json"]).await).expect("JSON");
    let nation = &json["federation"]["subordinates"][0];
    assert_eq!((&nation["authority_id"], &nation["state"]), (&NATION.into(), &"ACTIVE".into()));
    assert_eq!(nation["subordinates"][0]["authority_id"], SECTOR);
    let dot = prints(&["graph", "-o", "dot"]).await;
    assert!(dot.starts_with("digraph federation {") && dot.contains("n1 -> n2 [label=\"ACTIVE\""), "{dot}");
    let mermaid = prints(&["graph", "-o", "mermaid"]).await;
    assert!(mermaid.starts_with("graph TD\n") && mermaid.contains("n0 -->|\"ACTIVE\"| n1"), "{mermaid}");
    let shallow = prints(&["graph", "--depth", "1"]).await;
    assert!(!shallow.contains(SECTOR) && shallow.contains("deeper than was asked for"), "{shallow}");

    let before: Value = serde_json::from_str(&prints(&["peers", "-o", "json"]).await).expect("JSON");
    assert_eq!(
        (&before["peers"][0]["relation"], &before["peers"][0]["epoch"]),
        (&"subordinate".into(), &Value::Null)
    );
    let polled: Value =
        serde_json::from_str(&prints(&["peers", "--poll", "-o", "json"]).await).expect("JSON");
    let peer = &polled["peers"][0];
    let epoch =
        three.nation.app.store.epoch(crate::logged::id(&three.nation, NATION)).await.expect("an epoch");
    assert!(peer["epoch"] == epoch && peer["heard_ms"].as_i64().is_some_and(|ms| ms < 10_000), "{peer}");
    let (code, above) = charter(&three.nation.url(), &["federation", "peers", "-o", "csv"]).await;
    assert!(code == Some(0) && above.contains("\nsuperior,https://root.example,"), "{above}");

    let scope = prints(&["scope", NATION]).await;
    let row: Vec<&str> = scope.lines().nth(1).expect("a grant").split_whitespace().collect();
    assert_eq!(
        row,
        ["*", "Degree,", "Diploma", "any", "none", "yes", "no", "end", "of", "its", "own"],
        "{scope}"
    );
    let (code, missing) = charter(&url, &["federation", "scope", SECTOR]).await;
    assert_eq!(code, Some(4), "{missing}");
}
