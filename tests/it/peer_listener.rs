//! A listener for registries: whoever comes is known by a key that a delegation, a recognition or the way up lists.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use charter_domain::{recognition::RawPeer, spki::SpkiSha256};
use charter_proto::charter::{
    federation::v1::{self as pb, federation_service_client::FederationServiceClient},
    registry::v1::{PutDelegationRequest, set_status_request::Target},
};
use charter_tests::{
    TestApp, TestClock,
    app::SETTINGS,
    pki::{Pair, Pki},
};
use tonic::Status;

use crate::{governance::said, kept::until};

const ROOT: &str = "did:web:root.example";
const NATION: &str = "did:web:nation.example";
const SECTOR: &str = "did:web:sector.example";
const ISLANDS: &str = "did:web:islands.example";
const ISSUER: &str = "did:web:university.example";
/// A way up that was not heard is asked for each second.
const SOON: Duration = Duration::from_secs(30);

/// The files of a pair.
fn files(pki: &Pki, name: &str) -> String {
    let file = |end: &str| pki.file(&format!("{name}.{end}"));
    format!("cert_file = \"{}\", key_file = \"{}\"", file("pem"), file("key"))
}

/// A second listener, for registries alone.
fn for_peers(pki: &Pki, name: &str, authority: &str) -> String {
    format!(
        "[[listeners]]\naddress = \"127.0.0.1:0\"\nregistry = \"{authority}\"\nservices = [\"peer\"]\n\
         tls = {{ {}, client_auth = \"pinned\" }}",
        files(pki, name)
    )
}

/// How it shows itself to others.
fn settings(pki: &Pki, name: &str) -> String {
    format!("{SETTINGS}\npeer_tls = {{ {} }}", files(pki, name))
}

#[tokio::test]
async fn two_registries_know_each_other_by_their_keys() {
    let (pki, clock) = (Pki::new(), Arc::new(TestClock::default()));
    let [root_key, nation_key] = ["root", "nation"].map(|name| pki.server(name).sha256());
    let root = TestApp::build()
        .clock(&clock)
        .settings(&settings(&pki, "root"))
        .registry(ROOT)
        .details(&format!("tls_spki_sha256 = [\"{root_key}\"]"))
        .listener(&for_peers(&pki, "root", ROOT));
    let root = root.start().await;
    let above = format!(
        "superior_endpoint = \"https://{}\"\nsuperior_tls_spki_sha256 = [\"{root_key}\"]",
        root.addresses[1]
    );
    let nation = TestApp::build()
        .clock(&clock)
        .settings(&settings(&pki, "nation"))
        .under(NATION, ROOT)
        .details(&above)
        .listener(&for_peers(&pki, "nation", NATION));
    let nation = nation.start().await;
    let (top, below) = (root.registry(ROOT), nation.registry(NATION));
    below.registers(ISSUER).authorized("issue", "Degree").await;
    let endpoint = format!("https://{}", nation.addresses[1]);
    let made = PutDelegationRequest { endpoint, ..top.pinned(&below, &["Degree"], &[nation_key]) };
    top.client().put_delegation(top.signed(made)).await.expect("delegated");
    // The nation is let in below, hears the way up, and lets the root in.
    until(SOON, "both are known", async || {
        root.anonymous().asks(ISSUER, "issue", "Degree").rest().await.line() == "200 yes ACTIVE"
    })
    .await;
    let said = nation.anonymous().asks(ISSUER, "issue", "Degree").with("evidence", "full").rest().await;
    assert_eq!((said.line().as_str(), said.chain.len()), ("200 yes ACTIVE", 3), "up to the root: {said:?}");
}

/// A registry with a subordinate in the same process, whose key is listed, and the address for registries.
async fn listed(pki: &Pki, settings: &str, pair: &Pair) -> (TestApp, SocketAddr) {
    let app = TestApp::build().settings(settings).registry(ROOT).under(NATION, ROOT);
    let app = app.listener(&for_peers(pki, "server", ROOT)).start().await;
    let (top, below) = (app.registry(ROOT), app.registry(NATION));
    let made = top.pinned(&below, &["Degree"], &[pair.sha256()]);
    top.client().put_delegation(top.signed(made)).await.expect("delegated");
    drop((top, below));
    let to = app.addresses[1];
    until_known(&app, pair).await;
    statement(pki, to, Some(pair)).await.expect("it is let in");
    (app, to)
}

/// Waits until it would be let in. Whoever tried it out would use up what an address may send.
async fn until_known(app: &TestApp, pair: &Pair) {
    let key = SpkiSha256::parse(&pair.sha256()).expect("a key");
    until(SOON, "its key is known", async || app.app.peer_keys.of(&key, app.app.clock.now()).is_some()).await;
}

/// What a subordinate asks for, over a new connection.
async fn statement(pki: &Pki, to: SocketAddr, pair: Option<&Pair>) -> Result<(), Status> {
    let mut client = FederationServiceClient::new(pki.channel(to, pair));
    let subordinate_id = NATION.to_owned();
    let asked = pb::GetSubordinateStatementRequest { subordinate_id, ..Default::default() };
    client.get_subordinate_statement(asked).await.map(drop)
}

#[tokio::test]
async fn who_shows_no_listed_key_is_refused() {
    let (pki, elsewhere) = (Pki::new(), Pki::new());
    // Its key is what counts: the certificate is over, and of nobody's authority.
    let known = elsewhere.client("nation", 1, 2);
    let (app, to) = listed(&pki, SETTINGS, &known).await;
    assert!(statement(&pki, to, None).await.is_err(), "no certificate");
    let other = pki.client("nation", 1, 3_000);
    assert!(statement(&pki, to, Some(&other)).await.is_err(), "another key under its name");
    let open = FederationServiceClient::new(pki.channel(to, Some(&known)));
    let asks = async || {
        let mut open = open.clone();
        open.get_entity_configuration(pb::GetEntityConfigurationRequest::default()).await.map(drop)
    };
    asks().await.expect("it is the nation");
    let target = Target::SubordinateId(NATION.to_owned());
    app.registry(ROOT).sets(target, "REVOKED").await;
    until(SOON, "over on an open connection", async || {
        asks().await.is_err_and(|status| said(&status) == "401 UNAUTHENTICATED")
    })
    .await;
    assert!(statement(&pki, to, Some(&known)).await.is_err(), "and on a new one");
}

#[tokio::test]
async fn a_subordinate_does_not_ask_what_a_superior_asks() {
    let pki = Pki::new();
    let known = pki.client("nation", 1, 3_000);
    let (_app, to) = listed(&pki, SETTINGS, &known).await;
    // Under either address of the registry.
    for origin in [format!("http://{to}"), format!("http://{to}/r/r0")] {
        let origin = origin.parse().expect("a URI");
        let mut client = FederationServiceClient::with_origin(pki.channel(to, Some(&known)), origin);
        let epochs = pb::GetEpochRequest { authorities: vec![pb::AuthorityPath::default()] };
        let question = pb::ResolveRequest {
            entity_id: ISSUER.to_owned(),
            action: "issue".to_owned(),
            resource: "Degree".to_owned(),
            ..Default::default()
        };
        for (refused, what) in [
            (client.resolve(question).await.map(drop), "a question"),
            (client.get_epoch(epochs).await.map(drop), "an epoch"),
            (client.get_log_evidence(pb::GetLogEvidenceRequest::default()).await.map(drop), "evidence"),
        ] {
            assert_eq!(said(&refused.expect_err(what)), "403 DENIED", "{what}");
        }
        let asked =
            pb::GetSubordinateStatementRequest { subordinate_id: NATION.to_owned(), ..Default::default() };
        client.get_subordinate_statement(asked).await.expect("the statement about itself");
    }
}

/// Who may call what: superiors, subordinates, recognised peers.
const TABLE: [(&str, [bool; 3]); 8] = [
    ("GetEntityConfiguration", [true, true, true]),
    ("GetSubordinateStatement", [true, true, false]),
    ("GetRecognition", [true, true, true]),
    ("GetEpoch", [true, false, false]),
    ("GetLogEvidence", [true, false, false]),
    ("ListPeers", [true, false, false]),
    ("Resolve", [true, false, true]),
    ("Watch", [true, false, false]),
];

/// An empty message to a method, over a new connection.
async fn calls(pki: &Pki, to: SocketAddr, pair: &Pair, method: &str) -> Result<(), Status> {
    let mut client = FederationServiceClient::new(pki.channel(to, Some(pair)));
    match method {
        "GetEntityConfiguration" => {
            client.get_entity_configuration(pb::GetEntityConfigurationRequest::default()).await.map(drop)
        }
        "GetSubordinateStatement" => {
            client.get_subordinate_statement(pb::GetSubordinateStatementRequest::default()).await.map(drop)
        }
        "GetRecognition" => client.get_recognition(pb::GetRecognitionRequest::default()).await.map(drop),
        "GetEpoch" => client.get_epoch(pb::GetEpochRequest::default()).await.map(drop),
        "GetLogEvidence" => client.get_log_evidence(pb::GetLogEvidenceRequest::default()).await.map(drop),
        "ListPeers" => client.list_peers(pb::ListPeersRequest::default()).await.map(drop),
        "Resolve" => client.resolve(pb::ResolveRequest::default()).await.map(drop),
        "Watch" => client.watch(pb::WatchRequest::default()).await.map(drop),
        other => unreachable!("`{other}` is not called"),
    }
}

/// A registry with somebody on each side, known by these keys: its superior, its subordinate, a peer that it recognises.
async fn amid(pki: &Pki, [above, below, beside]: [&Pair; 3]) -> [TestApp; 2] {
    let clock = Arc::new(TestClock::default());
    let announced = format!("tls_spki_sha256 = [\"{}\"]", above.sha256());
    let root = TestApp::build().clock(&clock).registry(ROOT).details(&announced).start().await;
    let app = TestApp::build()
        .clock(&clock)
        .under(NATION, ROOT)
        .details(&format!("superior_endpoint = \"{}\"", root.url()))
        .under(SECTOR, NATION)
        .listener(&for_peers(pki, "server", NATION));
    let app = app.start().await;
    let (nation, sector) = (app.registry(NATION), app.registry(SECTOR));
    root.registry(ROOT).delegates(&nation, &["Degree"]).await;
    let made = nation.pinned(&sector, &["Degree"], &[below.sha256()]);
    nation.client().put_delegation(nation.signed(made)).await.expect("delegated");
    let peer = RawPeer {
        entity_identifier: "https://islands.example".to_owned(),
        tls_spki_sha256: vec![beside.sha256()],
        ..sector.as_peer()
    };
    nation.registers(ISLANDS).recognized("issue", "Degree").peer(peer).await;
    drop((nation, sector));
    [app, root]
}

#[tokio::test]
async fn each_method_over_the_wire_is_as_the_table_says() {
    let pki = Pki::new();
    let pairs = ["root", "sector", "islands"].map(|name| pki.client(name, 1, 3_000));
    let [app, _root] = amid(&pki, pairs.each_ref()).await;
    let to = app.addresses[1];
    for pair in &pairs {
        until(SOON, "its key is known", async || {
            calls(&pki, to, pair, "GetEntityConfiguration").await.is_ok()
        })
        .await;
    }
    let mut methods = charter_proto::methods();
    methods.retain(|path| path.starts_with("/charter.federation.v1.FederationService/"));
    assert_eq!(methods.len(), TABLE.len(), "{methods:?}");
    for (method, rights) in TABLE {
        for ((pair, may), kind) in pairs.iter().zip(rights).zip(["superior", "subordinate", "recognised"]) {
            // Let in, an empty message may be refused for what it lacks.
            let refused = calls(&pki, to, pair, method).await.err().map(|status| said(&status));
            let denied = refused.as_deref() == Some("403 DENIED");
            assert_eq!(denied, !may, "{method} by a {kind}: {refused:?}");
        }
    }
}

#[tokio::test]
async fn a_peer_that_is_recognised_no_more_is_a_stranger() {
    let pki = Pki::new();
    let pairs = ["root", "sector", "islands"].map(|name| pki.client(name, 1, 3_000));
    let [app, _root] = amid(&pki, pairs.each_ref()).await;
    let (to, beside) = (app.addresses[1], &pairs[2]);
    let method = "GetEntityConfiguration";
    until(SOON, "its key is known", async || calls(&pki, to, beside, method).await.is_ok()).await;
    app.registry(NATION).revokes(ISLANDS).await;
    until(SOON, "it is refused", async || calls(&pki, to, beside, method).await.is_err()).await;
}

#[test]
fn a_listener_that_is_open_to_all_as_for_registries_says_so() {
    let pki = Pki::new();
    let said = |address: &str, lines: &str| {
        let toml = format!(
            "{SETTINGS}\ndatabase = {{ url = \"host=/tmp\" }}\n[[registries]]\nauthority_id = \"{ROOT}\"\n\
             slug = \"a\"\nname = \"A\"\njurisdiction = \"FI\"\npublic_url = \"https://a.example\"\n\
             [[listeners]]\naddress = \"{address}\"\nregistry = \"{ROOT}\"\n{lines}",
        );
        charter_server::Config::from_toml(&toml).map(drop).map_err(|faults| faults.to_string())
    };
    let files = files(&pki, "server");
    let pinned = format!("tls = {{ {files}, client_auth = \"pinned\" }}");
    let tls = format!("tls = {{ {files} }}");
    for good in ["services = [\"public\", \"staff\"]", "open_peers = true", pinned.as_str()] {
        assert_eq!(said("0.0.0.0:7443", good), Ok(()), "{good}");
    }
    for address in ["127.0.0.1:7443", "[::1]:7443", "[::ffff:127.0.0.1]:7443"] {
        assert_eq!(said(address, ""), Ok(()), "{address}");
    }
    for open in ["", "services = [\"peer\"]", tls.as_str(), "open_peers = false"] {
        for address in ["0.0.0.0:7443", "[::]:7443", "192.0.2.1:7443"] {
            let fault = said(address, open).expect_err(open);
            assert!(fault.contains("open_peers") && fault.contains("1 fault(s)"), "{fault}");
        }
    }
}

#[tokio::test]
async fn a_flood_from_its_address_does_not_cut_a_registry_off_and_it_has_a_limit_of_its_own() {
    let pki = Pki::new();
    let known = pki.client("nation", 1, 3_000);
    let (app, to) = listed(&pki, &limited(), &known).await;
    let mut client = FederationServiceClient::new(pki.channel(to, Some(&known)));
    let configuration = pb::GetEntityConfigurationRequest::default;
    client.get_entity_configuration(configuration()).await.expect("connected");
    let mut refused = false;
    for _ in 0..200 {
        refused |= app.rest().get("/livez").await.status == 429;
    }
    assert!(refused, "the address has had its share");
    client.get_entity_configuration(configuration()).await.expect("the registry has its own");
    uses_up(&pki, to, &known).await;
}

/// Each address and each registry may send 60 requests, and one a second.
fn limited() -> String {
    let limits =
        "limits = { per_address_rps = 1, per_address_burst = 60, per_peer_rps = 1, per_peer_burst = 60,";
    SETTINGS.replace("limits = { per_address_rps = 100000, per_address_burst = 100000,", limits)
}

/// Sends until it is refused.
async fn uses_up(pki: &Pki, to: SocketAddr, pair: &Pair) {
    let mut client = FederationServiceClient::new(pki.channel(to, Some(pair)));
    let mut answered = 0;
    let ended = loop {
        match client.get_entity_configuration(pb::GetEntityConfigurationRequest::default()).await {
            Ok(_) => answered += 1,
            Err(status) => break status,
        }
        assert!(answered < 200, "it has no limit");
    };
    assert_eq!(said(&ended), "429 RATE_LIMITED");
    assert!(ended.message().contains("a registry"), "{ended:?}");
}

/// Keys are public: whoever is delegated to can have another's listed beside its own.
#[tokio::test]
async fn who_has_anothers_key_listed_uses_up_nothing_of_its_limit() {
    let pki = Pki::new();
    let [known, other] = ["nation", "alien"].map(|name| pki.client(name, 1, 3_000));
    let (app, to) = listed(&pki, &limited(), &known).await;
    let top = app.registry(ROOT);
    let made = PutDelegationRequest {
        // Of authorities with one key the first by name counts.
        subordinate_id: "did:web:alien.example".to_owned(),
        entity_identifier: "https://alien.example".to_owned(),
        ..top.pinned(&app.registry(NATION), &["Degree"], &[other.sha256(), known.sha256()])
    };
    top.client().put_delegation(top.signed(made)).await.expect("delegated");
    until_known(&app, &other).await;
    uses_up(&pki, to, &other).await;
    statement(&pki, to, Some(&known)).await.expect("it has its own");
}

#[test]
fn a_registry_announces_the_keys_that_it_shows() {
    let pki = Pki::new();
    let key = pki.server("root").sha256();
    let said = |announced: &str| {
        let toml = format!(
            "{}\ndatabase = {{ url = \"host=/tmp\" }}\n[[registries]]\nauthority_id = \"{ROOT}\"\nslug = \"a\"\n\
             name = \"A\"\njurisdiction = \"FI\"\npublic_url = \"https://a.example\"\n\
             tls_spki_sha256 = [{announced}]\n{}",
            settings(&pki, "root"),
            for_peers(&pki, "root", ROOT),
        );
        charter_server::Config::from_toml(&toml).map(drop).map_err(|faults| faults.to_string())
    };
    let other = "0a".repeat(32);
    assert_eq!(said(&format!("\"{other}\", \"{key}\"")), Ok(()), "both while they rotate");
    assert_eq!(said(""), Ok(()), "nothing is announced");
    let fault = said(&format!("\"{other}\"")).expect_err("neither the listener's nor what it shows others");
    assert!(fault.contains(&key) && fault.contains("2 fault(s)"), "{fault}");
}

#[test]
fn a_superior_that_would_not_be_asked_is_a_fault_of_the_configuration() {
    let said = |lines: &str| {
        let toml = format!(
            "{SETTINGS}\ndatabase = {{ url = \"host=/tmp\" }}\n[[registries]]\nauthority_id = \"{NATION}\"\n\
             slug = \"a\"\nname = \"A\"\njurisdiction = \"FI\"\npublic_url = \"https://a.example\"\n{lines}\n\
             [[listeners]]\naddress = \"127.0.0.1:0\"\nregistry = \"{NATION}\"",
        );
        charter_server::Config::from_toml(&toml).map(drop).map_err(|faults| faults.to_string())
    };
    let at = |url: &str| format!("superior_endpoint = \"{url}\"");
    let pins = format!("superior_tls_spki_sha256 = [\"{}\"]", "0a".repeat(32));
    let pinned = |url: &str| format!("{}\n{pins}", at(url));
    for good in [at("https://root.example:7443"), pinned("https://root.example"), at("http://127.0.0.1:1")] {
        assert_eq!(said(&good), Ok(()), "{good}");
    }
    for bad in
        [at("http://root.example"), at("root.example:7443"), pinned("http://127.0.0.1:1"), pins.clone()]
    {
        let fault = said(&bad).expect_err(&bad);
        assert!(fault.contains("superior_endpoint") && fault.contains("1 fault(s)"), "{fault}");
    }
}
