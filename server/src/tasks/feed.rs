//! Feeds: what kept answers rest on below is told by the subordinates themselves, as it happens.
//!
//! What may take a yes away counts on receipt; what only adds counts when the subordinate's log has proven it. While a
//! feed is alive, it confirms what is kept; when it is lost, the epoch is polled again (`peer_epoch`). Of registries below
//! a subordinate its feed passes on how far they are; those of which it says nothing are polled. Who keeps which entity
//! goes into the rosters.

mod known;
mod log;
mod news;
mod source;
mod tree;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use charter_cache::BootInstant;
use charter_domain::{AuthorityId, Delegation, RegistryId};
use charter_federation::{LocalAuthority as _, PeerEndpoint, protocol::Failure};
use tokio::{
    task::{AbortHandle, JoinSet},
    time::Instant,
};

use self::{known::Known, source::Source};
use crate::App;

/// How often it is looked for subordinates to follow.
const LOOK: Duration = Duration::from_millis(500);
/// Most subordinates that are followed; the others are polled, and asked about every entity.
const MAX_FEEDS: usize = 1_000;
/// A feed is opened anew after this time, so that two clocks that do not run equally fast stay near each other.
const REOPEN: Duration = Duration::from_secs(600);
/// After a feed that was lost.
const SOON: Duration = Duration::from_secs(1);
/// After a subordinate that offers none, or that sent what cannot be; the longest pause.
const LATER: Duration = Duration::from_secs(60);

/// Most different faults of one subordinate that are logged.
const MAX_TOLD: usize = 10;

/// Whom to follow, for which registry.
#[derive(Clone)]
struct Below {
    registry: RegistryId,
    subordinate: AuthorityId,
    /// As dependencies are named.
    path: Vec<String>,
    /// Where it was when it was looked for.
    endpoint: String,
}

/// A feed, where it comes from, and since when.
struct Open {
    source: Source,
    endpoint: PeerEndpoint,
    opened: BootInstant,
}

/// Why a feed has ended.
enum End {
    /// It has lasted long enough.
    Done,
    Lost(Failure),
    /// What it sent cannot be: nothing of it is used further.
    Refused(String),
}

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Malformed(why) => Self::Refused(why),
            failure => Self::Lost(failure),
        }
    }
}

pub async fn run(app: Arc<App>) {
    let mut tick = tokio::time::interval(LOOK);
    let mut feeds = JoinSet::new();
    let mut followed: HashMap<Vec<String>, (Below, AbortHandle)> = HashMap::new();
    loop {
        tick.tick().await;
        while feeds.try_join_next().is_some() {}
        let (wanted, unknown) = wanted(&app).await;
        followed.retain(|path, (below, feed)| {
            if !wanted.contains_key(path) && !unknown.contains(&below.registry) {
                feed.abort();
            }
            // Not before its task has ended: what it still says would be all that is known.
            let ended = feed.is_finished();
            if ended {
                app.hosted.rosters.forget(below.registry, &below.subordinate);
            }
            !ended
        });
        for (path, below) in wanted {
            if followed.len() < MAX_FEEDS && !followed.contains_key(&path) {
                let feed = feeds.spawn(follow(Arc::clone(&app), below.clone()));
                followed.insert(path, (below, feed));
            }
        }
    }
}

/// The subordinates that the registries of this process answer for; and the registries that cannot say now whom they
/// have. One of this process needs no feed for itself: it is followed for the sake of those who follow its superior.
async fn wanted(app: &App) -> (BTreeMap<Vec<String>, Below>, HashSet<RegistryId>) {
    let (mut wanted, mut unknown, now) = (BTreeMap::new(), HashSet::new(), app.clock.now());
    for tenant in app.hosted.tenants() {
        let registry = tenant.registry.id;
        let Ok(view) = app.hosted.view(registry).await else {
            unknown.insert(registry);
            continue;
        };
        let followed = |d: &&Delegation| {
            let needed = app.hosted.hosted(&d.subordinate).is_none() || app.news.is_followed(registry);
            needed && d.answers_as_own && d.standing(now).is_ok()
        };
        for delegation in view.delegations.iter().filter(followed) {
            let subordinate = delegation.subordinate.clone();
            let path = vec![tenant.registry.authority.to_string(), subordinate.to_string()];
            let endpoint = delegation.endpoint.clone();
            wanted.insert(path.clone(), Below { registry, subordinate, path, endpoint });
        }
    }
    (wanted, unknown)
}

/// The ways to the subordinates whose feeds are followed, each with where it is asked.
pub async fn followed(app: &App) -> Vec<(Vec<String>, String)> {
    wanted(app).await.0.into_iter().map(|(path, below)| (path, below.endpoint)).collect()
}

/// Follows one subordinate, with pauses where that does not work.
async fn follow(app: Arc<App>, below: Below) {
    let mut known = Known::default();
    let (mut told, mut pause) = (HashSet::new(), SOON);
    forget(&app, &below, &mut known);
    loop {
        let confirmed = known.counted.confirmations();
        let end = stream(&app, &below, &mut known).await;
        // Who gives no feed now, for want of a place or because it is away, is asked for it less and less often.
        // The more so while nothing was ever heard of it.
        let longer = if known.counted.confirmations() == 0 { 4 } else { 2 };
        pause = if known.counted.confirmations() > confirmed { SOON } else { (pause * longer).min(LATER) };
        match end {
            End::Done => continue,
            End::Lost(Failure::Refused(why)) => {
                tracing::debug!(peer = %below.subordinate, %why, "a subordinate refuses its feed");
                // It has fewer events than were heard, or no feeds at all.
                forget(&app, &below, &mut known);
                pause = LATER;
            }
            // It is asked for when it may answer again, and tried by that.
            End::Lost(Failure::Resting(resting)) => pause = resting.again_in.clamp(SOON, LATER),
            End::Lost(failure) => {
                tracing::debug!(peer = %below.subordinate, error = %failure, "no feed of a subordinate");
            }
            End::Refused(why) => {
                metrics::counter!("charter_feed_faults_total").increment(1);
                if told.len() < MAX_TOLD && told.insert(why.clone()) {
                    tracing::error!(peer = %below.subordinate, %why, "the feed of a subordinate cannot be believed");
                }
                forget(&app, &below, &mut known);
                pause = LATER;
            }
        }
        tokio::time::sleep(pause).await;
    }
}

/// Begins anew, with the first event.
fn forget(app: &App, below: &Below, known: &mut Known) {
    *known = Known::default();
    app.hosted.rosters.lost(below.registry, &below.subordinate);
    if let Some(dep) = app.dependencies.find(&below.path) {
        dep.begin(0, 0);
    }
}

/// As it stands now. That it cannot be read says nothing of what was heard.
async fn delegation(app: &App, below: &Below) -> Result<Delegation, Failure> {
    let view = app.hosted.view(below.registry).await;
    let view = view.map_err(|e| Failure::Unreachable(e.to_string()))?;
    let found = Delegation::current(&view.delegations, &below.subordinate, app.clock.now());
    found.cloned().ok_or_else(|| Failure::Refused("there is no delegation to it".to_owned()))
}

/// One feed, from where the last one ended.
async fn stream(app: &Arc<App>, below: &Below, known: &mut Known) -> End {
    let endpoint = match delegation(app, below).await {
        Ok(delegation) => PeerEndpoint::from(&delegation),
        Err(failure) => return End::Lost(failure),
    };
    let (opened, end) = (BootInstant::now(), Instant::now() + REOPEN);
    let source = match Source::open(app, &endpoint, &below.subordinate, known.tree.heard()).await {
        Ok(source) => source,
        Err(failure) => return End::Lost(failure),
    };
    let mut open = Open { source, endpoint, opened };
    while Instant::now() < end {
        if let Err(end) = news::step(app, below, known, &mut open).await {
            return end;
        }
    }
    End::Done
}
