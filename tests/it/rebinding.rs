//! Endpoints whose names lead elsewhere the next time: a connection is made to an address that was looked at, or to none.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    sync::{Arc, Mutex},
    time::Duration,
};

use charter_domain::time::Clock as _;
use charter_federation::protocol::address::Lookup;
use charter_proto::charter::registry::v1 as pb;
use charter_tests::{
    Said, TestApp,
    pki::{Pair, Pki},
};
use tokio::net::TcpStream;

use crate::{
    dead_peer::silent,
    federation::{ISSUER, ROOT, SECTOR},
    kept::until,
};

/// What people approved.
const NAME: &str = "sector.example";
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// The peer rests for longer each time that its name leads nowhere.
const PATIENCE: Duration = Duration::from_secs(30);

/// The answers of whoever runs the name: one list after another, then the first one again.
#[derive(Clone, Default)]
struct Names(Arc<Mutex<Zone>>);

#[derive(Default)]
struct Zone {
    lists: Vec<Vec<IpAddr>>,
    asked: usize,
}

impl Names {
    /// From now on; it was not asked yet.
    fn leads_to(&self, lists: &[&[IpAddr]]) {
        let lists = lists.iter().map(|list| list.to_vec()).collect();
        *self.0.lock().expect("not poisoned") = Zone { lists, asked: 0 };
    }

    /// How often it was asked since.
    fn asked(&self) -> usize {
        self.0.lock().expect("not poisoned").asked
    }

    fn next(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let mut zone = self.0.lock().expect("not poisoned");
        if host != NAME || zone.lists.is_empty() {
            return Err(io::ErrorKind::NotFound.into());
        }
        zone.asked += 1;
        Ok(zone.lists[(zone.asked - 1) % zone.lists.len()].clone())
    }

    fn lookup(&self) -> Lookup {
        let names = self.clone();
        Arc::new(move |host| {
            let found = names.next(&host);
            Box::pin(async move { found })
        })
    }
}

/// A root that looks names up as the test says, and a sector below it.
struct Two {
    root: TestApp,
    sector: TestApp,
    names: Names,
    /// By which the sector is known in TLS.
    pair: Pair,
    pki: Pki,
}

impl Two {
    async fn start() -> Self {
        let (names, pki) = (Names::default(), Pki::new());
        let pair = pki.client("sector", 1, 3_000);
        let root = TestApp::build().registry(ROOT).lookup(names.lookup()).start().await;
        let sector = TestApp::build().clock(&root.clock).under(SECTOR, ROOT).start().await;
        sector.registry(SECTOR).registers(ISSUER).authorized("issue", "Degree").await;
        Self { root, sector, names, pair, pki }
    }

    /// The sector is reached there, by its key.
    async fn delegates_at(&self, endpoint: String) {
        let (root, sector) = (self.root.registry(ROOT), self.sector.registry(SECTOR));
        let pinned = root.pinned(&sector, &["Degree"], &[self.pair.sha256()]);
        let request = pb::PutDelegationRequest { endpoint, ..pinned };
        root.client().put_delegation(root.signed(request)).await.expect("delegated");
    }

    /// Over gRPC, with a time: it is asked for anew each time.
    async fn asks(&self) -> Said {
        let asking = self.root.anonymous().asks(ISSUER, "issue", "Degree");
        asking.at(self.root.clock.now()).grpc().await
    }

    async fn answers(&self, what: &str) {
        until(PATIENCE, what, async || self.asks().await.line() == "200 yes ACTIVE").await;
    }

    async fn refuses(&self) {
        until(PATIENCE, "its name leads inside, and the answer says so", async || {
            let said = self.asks().await;
            said.line() == "503 UNVERIFIABLE" && said.message.contains("its name leads to this machine")
        })
        .await;
    }
}

/// An address of this machine by which others reach it, where it has one. Nothing is sent.
fn outward() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("198.51.100.1:443").ok()?;
    let ip = socket.local_addr().ok()?.ip();
    let IpAddr::V4(v4) = ip else { return None };
    (!v4.is_loopback() && !v4.is_link_local() && !v4.is_unspecified()).then_some(ip)
}

fn port(endpoint: &str) -> u16 {
    let uri: http::Uri = endpoint.parse().expect("a URL");
    uri.port_u16().expect("a port")
}

#[tokio::test]
async fn a_name_that_answers_otherwise_each_time_is_asked_where_it_was_checked_and_nowhere_else() {
    let Some(outward) = outward() else {
        println!("no address but loopback: that a checked one is connected to is not tested");
        return;
    };
    let (two, (inside, knocks)) = (Two::start().await, silent().await);
    let port = port(&inside);
    let switch = two.pki.switch_at(SocketAddr::new(outward, port), two.sector.address, &two.pair).await;
    // Who looked twice, to check and to connect, would come to the other one.
    two.names.leads_to(&[&[LOOPBACK, outward], &[LOOPBACK]]);
    two.delegates_at(format!("https://{NAME}:{port}")).await;
    two.answers("asked at the address that was checked").await;
    assert!(switch.met() > 0 && two.names.asked() > 0);
    // The connection ends, and the next one would lead inside.
    two.names.leads_to(&[&[LOOPBACK]]);
    switch.shows(&two.pair);
    two.refuses().await;
    let met = switch.met();
    two.names.leads_to(&[&[outward]]);
    two.answers("its name leads to it again").await;
    assert!(switch.met() > met, "over another connection");
    assert_eq!(knocks.connections(), 0, "nobody came inside");
}

#[tokio::test]
async fn a_name_that_leads_inside_gets_no_connection_and_an_address_that_was_recorded_does() {
    let (two, (inside, knocks)) = (Two::start().await, silent().await);
    let port = port(&inside);
    // All of them are the listener's on this system.
    let mapped = IpAddr::V6(Ipv4Addr::LOCALHOST.to_ipv6_mapped());
    let (none, none6) = (IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED));
    TcpStream::connect((none, port)).await.expect("it listens there");
    until(PATIENCE, "it counts", async || knocks.connections() == 1).await;
    two.names.leads_to(&[&[LOOPBACK, mapped, none, none6]]);
    two.delegates_at(format!("https://{NAME}:{port}")).await;
    two.refuses().await;
    assert!(two.names.asked() > 0);
    assert_eq!(knocks.connections(), 1, "nobody else came");
    // Who means it records the address.
    let written = Two::start().await;
    written.delegates_at(inside.replacen("http:", "https:", 1)).await;
    until(PATIENCE, "it is asked there", async || {
        written.asks().await;
        knocks.connections() > 1
    })
    .await;
    assert_eq!(written.names.asked(), 0);
}
