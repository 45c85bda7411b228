//! Feeds: what kept answers rest on below is told by the subordinates themselves, as it happens.
//!
//! What may take a yes away counts on receipt; what only adds counts when the subordinate's log has proven it. While a
//! feed is alive, it confirms what is kept; when it is lost, the epoch is polled again (`peer_epoch`). Registries below a
//! subordinate have no feed here: they are polled.

mod log;
mod tree;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use charter_cache::{BootInstant, DEP_LEASE, Dep};
use charter_domain::{AuthorityId, Delegation, RegistryId, event::Told};
use charter_federation::{
    LocalAuthority as _, PeerEndpoint,
    protocol::{
        Failure,
        native::watch::{Beat, Feed, News},
    },
};
use tokio::{
    task::{AbortHandle, JoinSet},
    time::Instant,
};

use self::tree::{Fault, Tree};
use super::peer_epoch::parse;
use crate::App;

/// How often it is looked for subordinates that answers rest on.
const LOOK: Duration = Duration::from_millis(500);
/// Most subordinates that are followed; the others are polled.
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
}

/// What is known of a subordinate, kept from one feed to the next.
#[derive(Default)]
struct Known {
    tree: Tree,
    /// Number of the last event that counted on receipt.
    negative: i64,
    /// Number of the last event that counts because it is proven.
    counted: i64,
    /// How often the feed has confirmed what is kept.
    confirmed: u64,
}

/// A feed, where it comes from, and since when.
struct Open {
    feed: Feed,
    endpoint: PeerEndpoint,
    opened: BootInstant,
}

/// Why a feed has ended.
enum End {
    /// Nothing rests on it any more, or it has lasted long enough.
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
    let mut followed: HashMap<Vec<String>, AbortHandle> = HashMap::new();
    loop {
        tick.tick().await;
        while feeds.try_join_next().is_some() {}
        followed.retain(|_, feed| !feed.is_finished());
        for below in used(&app) {
            if followed.len() < MAX_FEEDS && !followed.contains_key(&below.path) {
                let path = below.path.clone();
                followed.insert(path, feeds.spawn(follow(Arc::clone(&app), below)));
            }
        }
    }
}

/// The subordinates that kept answers rest on, but those of this process.
fn used(app: &App) -> Vec<Below> {
    let below = |dep: Arc<Dep>| {
        let (registry, via) = parse(app, dep.path())?;
        let [subordinate]: [AuthorityId; 1] = via.try_into().ok()?;
        let below = Below { registry, subordinate, path: dep.path().to_vec() };
        app.hosted.hosted(&below.subordinate).is_none().then_some(below)
    };
    app.dependencies.in_use().into_iter().filter_map(below).collect()
}

/// Follows one subordinate for as long as something rests on it, and again when something does.
async fn follow(app: Arc<App>, below: Below) {
    let mut known = Known::default();
    let (mut told, mut pause) = (HashSet::new(), SOON);
    loop {
        if app.dependencies.find(&below.path).is_none() {
            tokio::time::sleep(LOOK).await;
            continue;
        }
        let confirmed = known.confirmed;
        let end = stream(&app, &below, &mut known).await;
        // Who gives no feed now, for want of a place or because it is away, is asked for it less and less often.
        pause = if known.confirmed > confirmed { SOON } else { (pause * 2).min(LATER) };
        match end {
            End::Done => continue,
            End::Lost(Failure::Refused(why)) => {
                tracing::debug!(peer = %below.subordinate, %why, "a subordinate refuses its feed");
                // It has fewer events than were heard, or no feeds at all.
                known = Known::default();
                pause = LATER;
            }
            End::Lost(failure) => {
                tracing::debug!(peer = %below.subordinate, error = %failure, "no feed of a subordinate");
            }
            End::Refused(why) => {
                metrics::counter!("charter_feed_faults_total").increment(1);
                if told.len() < MAX_TOLD && told.insert(why.clone()) {
                    tracing::error!(peer = %below.subordinate, %why, "the feed of a subordinate cannot be believed");
                }
                known = Known::default();
                pause = LATER;
            }
        }
        tokio::time::sleep(pause).await;
    }
}

async fn delegation(app: &App, below: &Below) -> Option<Delegation> {
    let view = app.hosted.view(below.registry).await.ok()?;
    let now = app.clock.now();
    Delegation::current(&view.delegations, &below.subordinate, now).cloned()
}

/// One feed, from where the last one ended.
async fn stream(app: &Arc<App>, below: &Below, known: &mut Known) -> End {
    let Some(delegation) = delegation(app, below).await else {
        return End::Lost(Failure::Refused("there is no delegation to it".to_owned()));
    };
    let endpoint = PeerEndpoint::from(&delegation);
    let (opened, end) = (BootInstant::now(), Instant::now() + REOPEN);
    let feed = match app.protocol.watch(&endpoint, &below.subordinate, known.tree.heard()).await {
        Ok(feed) => feed,
        Err(failure) => return End::Lost(failure),
    };
    let mut open = Open { feed, endpoint, opened };
    while Instant::now() < end {
        if let Err(end) = step(app, below, known, &mut open).await {
            return end;
        }
    }
    End::Done
}

/// Takes one piece of news.
async fn step(app: &Arc<App>, below: &Below, known: &mut Known, open: &mut Open) -> Result<(), End> {
    let news = open.feed.next(Instant::now() + DEP_LEASE).await?;
    let Some(dep) = app.dependencies.find(&below.path) else { return Err(End::Done) };
    let more = match news {
        News::Event { seq, body } => {
            let more = known.tree.event(seq, &body);
            if more.is_ok() && Told::parse(&body).is_none_or(|told| told.is_negative()) {
                known.negative = seq;
                dep.moved(seq);
            }
            more
        }
        News::Published { checkpoint, configuration } => {
            // As it stands now: its keys may have changed since the feed was opened.
            let delegation = delegation(app, below).await.ok_or(End::Done)?;
            let signed = log::verified(&delegation, &checkpoint, &configuration, app.clock.now());
            known.tree.checkpoint(signed.map_err(End::Refused)?)
        }
        News::Beat(beat) => {
            // It may answer elsewhere by now, or under other keys: who is left behind confirms nothing.
            let place = delegation(app, below).await.map(|d| PeerEndpoint::from(&d));
            if place.as_ref() != Some(&open.endpoint) {
                return Err(End::Done);
            }
            return confirm(app, below.registry, known, &dep, (beat, open.opened)).await;
        }
    };
    match more {
        Ok(_) => Ok(()),
        Err(fault) => Err(faulty(app, below.registry, fault).await),
    }
}

/// The subordinate has sent all that had happened when it said so: that cannot have been before as much time had passed
/// since we asked as it says.
async fn confirm(
    app: &Arc<App>,
    registry: RegistryId,
    known: &mut Known,
    dep: &Dep,
    (beat, opened): (Beat, BootInstant),
) -> Result<(), End> {
    if beat.epoch != known.tree.heard() {
        let why = format!("it is at epoch {}, and has sent {} events", beat.epoch, known.tree.heard());
        return Err(End::Refused(why));
    }
    if let Some(signed) = known.tree.proven() {
        let size = i64::try_from(signed.checkpoint().size()).unwrap_or(i64::MAX);
        if size > known.counted && log::counts(app, registry, signed).await {
            known.counted = size;
        }
    }
    let before = opened.plus(beat.elapsed).min(BootInstant::now());
    dep.fed(known.negative.max(known.counted), before);
    dep.has_published(beat.published);
    known.confirmed += 1;
    Ok(())
}

async fn faulty(app: &Arc<App>, registry: RegistryId, fault: Fault) -> End {
    let why = fault.to_string();
    if let Fault::TwoRoots(found) = fault {
        crate::witness::quarantine::accuse(app, registry, *found).await;
    }
    End::Refused(why)
}
