//! Under four eyes, in two processes: once a suspension or revocation is acknowledged nobody says yes any more, be it
//! of an entity, an accreditation, a statement or a delegation.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use charter_proto::charter::registry::v1::{self as pb, change_status::Target, propose_request::Change};
use charter_tests::{
    AUTHORITY, TestApp,
    app::{Build, SETTINGS},
    governed::{Governed, status},
    program::Served,
};
use tokio::task::JoinSet;
use tonic::transport::{Channel, Endpoint};

use crate::{
    kept::percentile,
    stale::{Counts, Watch, read},
};

const CHILD: &str = "did:web:child.example";
const PUPIL: &str = "did:web:pupil.example";
const OF_EACH: usize = 6;
/// The last denial of each is a revocation, the others are suspensions.
const CYCLES: usize = 8;
const READERS: usize = 8;

fn shape(build: Build) -> Build {
    build.registry(AUTHORITY).under(CHILD, AUTHORITY)
}

fn entity(kind: &str, n: usize) -> String {
    format!("did:web:{kind}{n}.example")
}

/// Registered and authorized for `Degree` by two persons, on an accreditation; both ids.
async fn entitled(g: &Governed, id: &str) -> (String, i64) {
    g.decides(Change::RegisterEntity(pb::RegisterEntity {
        identifier: id.to_owned(),
        names: [("en".to_owned(), id.to_owned())].into(),
        country: "FI".to_owned(),
        ..pb::RegisterEntity::default()
    }))
    .await;
    let body = "Ministry".to_owned();
    let accreditation = Some(pb::ImportAccreditation { body, ..Default::default() });
    let grant = pb::GrantAccreditation { entity_id: id.to_owned(), accreditation };
    let ground = crate::life::accreditation_id(&g.decides(Change::GrantAccreditation(grant)).await);
    let authorization = pb::ImportAuthorization {
        action: "issue".to_owned(),
        resource: "Degree".to_owned(),
        ..pb::ImportAuthorization::default()
    };
    let stated = g.decides(Change::MakeStatement(pb::MakeStatement {
        entity_id: id.to_owned(),
        authorization: Some(authorization),
        accreditation_id: ground.clone(),
    }));
    (ground, stated.await.seq)
}

/// What is denied, and of whom a reader then must not hear a yes.
async fn targets(g: &Governed) -> Vec<(Target, String)> {
    let mut all = vec![(Target::SubordinateId(CHILD.to_owned()), PUPIL.to_owned())];
    for n in 0..OF_EACH {
        for kind in ["entity", "accreditation", "statement"] {
            let id = entity(kind, n);
            let (ground, statement) = entitled(g, &id).await;
            let target = match kind {
                "entity" => Target::EntityId(id.clone()),
                "accreditation" => Target::AccreditationId(ground),
                _ => Target::StatementId(statement),
            };
            all.push((target, id));
        }
    }
    all
}

/// Of two processes: one to propose at, one to approve at.
type Doors = [Channel; 2];

async fn decides(g: &Governed, doors: &Doors, target: &Target, state: &str) {
    let mut change = status("", state);
    if let Change::ChangeStatus(c) = &mut change {
        c.target = Some(target.clone());
    }
    let officer = if matches!(target, Target::SubordinateId(_)) { "otto" } else { "olga" };
    let draft = g.person(officer).at(&doors[0]).proposes(change).await.expect("proposed");
    let done = g.person("anna").at(&doors[1]).approves(&draft).await.expect("acknowledged");
    assert_eq!(done.state, "EXECUTED");
}

/// Suspends and reinstates, and revokes in the end; the times until each denial was acknowledged.
async fn write(
    g: Arc<Governed>,
    doors: Doors,
    (target, n): (Target, usize),
    watches: Arc<Vec<Watch>>,
) -> Vec<Duration> {
    let mut waits = Vec::new();
    for cycle in 1..=CYCLES {
        let start = Instant::now();
        decides(&g, &doors, &target, if cycle == CYCLES { "REVOKED" } else { "SUSPENDED" }).await;
        waits.push(start.elapsed());
        watches[n].is_denied().await;
        if cycle < CYCLES {
            watches[n].may_be_yes();
            decides(&g, &doors, &target, "ACTIVE").await;
        }
    }
    waits
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn denials_under_four_eyes_leave_no_stale_yes_in_any_process() {
    let g = Governed::start_as(shape).await;
    let (own, child) = (g.app.registry(AUTHORITY), g.app.registry(CHILD));
    child.registers(PUPIL).authorized("issue", "Degree").await;
    let mut delegation = own.delegation(&child, &["Degree"]);
    delegation.registry_id.clear();
    let draft = g.person("otto").proposes(Change::Delegation(delegation)).await.expect("proposed");
    g.person("anna").approves(&draft).await.expect("approved");
    let targets = targets(&g).await;

    let settings = format!("{SETTINGS}\n{}", g.issuer.toml());
    let toml = |address: SocketAddr| {
        shape(TestApp::build()).settings(&settings).toml(&g.app.database, g.app.directory(), address)
    };
    let served = [Served::start(g.app.directory(), toml).await, Served::start(g.app.directory(), toml).await];
    let channel = |s: &Served| Endpoint::from_shared(s.url()).expect("a URL").connect_lazy();
    let doors: Doors = [channel(&served[0]), channel(&served[1])];

    let watches: Arc<Vec<Watch>> = Arc::new(targets.iter().map(|(_, id)| Watch::of(id)).collect());
    let (counts, g) = (Arc::new(Counts::default()), Arc::new(g));
    let mut readers = JoinSet::new();
    for reader in 0..READERS {
        readers.spawn(read(reader, served[reader % 2].address, Arc::clone(&watches), Arc::clone(&counts)));
    }
    let start = Instant::now();
    let mut writers = JoinSet::new();
    for (n, (target, _)) in targets.into_iter().enumerate() {
        let [a, b] = doors.clone();
        let doors = if n % 2 == 0 { [a, b] } else { [b, a] };
        writers.spawn(write(Arc::clone(&g), doors, (target, n), Arc::clone(&watches)));
    }
    let mut waits: Vec<Duration> = writers.join_all().await.concat();
    counts.over.store(true, Ordering::SeqCst);
    while let Some(done) = readers.join_next().await {
        done.expect("a reader");
    }
    let within: u64 = watches.iter().map(Watch::asked).sum();
    let (denials, stale) = (waits.len(), counts.stale.load(Ordering::SeqCst));
    println!(
        "{denials} denials in {:.1?}, proposed and acknowledged after P50 {:?}, P99 {:?}; {} answers, {within} after \
         an acknowledged denial, {stale} of them yes, {} errors",
        start.elapsed(),
        percentile(&mut waits, 50),
        percentile(&mut waits, 99),
        counts.answers.load(Ordering::SeqCst),
        counts.errors.load(Ordering::SeqCst),
    );
    assert_eq!(denials, (1 + 3 * OF_EACH) * CYCLES);
    assert_eq!((stale, counts.errors.load(Ordering::SeqCst)), (0, 0));
}
