//! What is done with the news that a feed brings.

use std::{future::pending, sync::Arc, time::Duration};

use charter_cache::{BootInstant, DEP_LEASE, Dep};
use charter_domain::{AuthorityId, event::Told};
use charter_federation::{
    PeerEndpoint,
    protocol::{
        Failure,
        native::watch::{Beat, News},
    },
};
use tokio::{sync::oneshot, time::Instant};

use super::{Below, End, Known, Open, delegation, log, tree::Fault};
use crate::{
    App,
    app::peers::sites,
    rosters::{Further, Sign},
};

/// After so long without a sign of life, due each 500 ms, a subordinate is tried: whether it is dead is known when its
/// roster ends, and questions would wait for it.
const QUIET: Duration = Duration::from_secs(1);

/// The next news of a feed. One that falls silent or breaks puts its subordinate in doubt, until it speaks again.
async fn next(app: &App, below: &Below, open: &mut Open) -> Result<News, Failure> {
    let begun = Instant::now();
    let first = open.source.next(app, begun + QUIET).await;
    match &first {
        Err(Failure::Late) => {
            let (speaks, spoken) = oneshot::channel();
            let speaks_again = async {
                if spoken.await.is_err() {
                    pending::<()>().await;
                }
            };
            doubt(app, below, open, speaks_again);
            let next = open.source.next(app, begun + DEP_LEASE).await;
            if next.is_ok() {
                // The trial may be over.
                let _heard = speaks.send(());
            }
            next
        }
        Err(Failure::Unreachable(_)) => {
            doubt(app, below, open, pending());
            first
        }
        _ => first,
    }
}

fn doubt(app: &App, below: &Below, open: &Open, spoken: impl Future<Output = ()> + Send + 'static) {
    if let Some(at) = open.source.at() {
        app.protocol.doubt(at, &below.subordinate, spoken);
    }
}

/// Takes one piece of news.
pub async fn step(app: &Arc<App>, below: &Below, known: &mut Known, open: &mut Open) -> Result<(), End> {
    let news = next(app, below, open).await?;
    let dep = app.dependencies.find(&below.path);
    known.tells(dep.as_ref());
    let more = match news {
        News::Event { seq, body } => event(app, below, known, dep.as_deref(), (seq, &body)),
        News::Published { checkpoint, configuration } => {
            // As it stands now: its keys may have changed since the feed was opened.
            let delegation = delegation(app, below).await?;
            let signed = log::verified(&delegation, &checkpoint, &configuration, app.clock.now());
            let (signed, said) = signed.map_err(End::Refused)?;
            sites::learn_below(app, &delegation, &said);
            app.announced.note(
                below.registry,
                &below.subordinate,
                said.metadata.trust_registry.tls_spki_sha256,
            );
            known.tree.checkpoint(signed).map(|_| ())
        }
        News::Below(tags) => {
            app.hosted.rosters.tags(below.registry, &below.subordinate, tags);
            Ok(())
        }
        News::Beat(beat) => {
            // It may answer elsewhere by now, or under other keys: who is left behind confirms nothing.
            let place = PeerEndpoint::from(&delegation(app, below).await?);
            let stays = open.source.is_where_it_was(app, &below.subordinate);
            if !stays || place != open.endpoint {
                return Err(End::Done);
            }
            return confirm(app, below, known, dep.as_ref(), (beat, open.opened)).await;
        }
    };
    match more {
        Ok(()) => Ok(()),
        Err(fault) => Err(faulty(app, below, fault).await),
    }
}

fn event(
    app: &App,
    below: &Below,
    known: &mut Known,
    dep: Option<&Dep>,
    (seq, body): (i64, &[u8]),
) -> Result<(), Fault> {
    known.tree.event(seq, body)?;
    let told = Told::parse(body);
    let negative = told.as_ref().is_none_or(Told::is_negative);
    let whose = (below.registry, &below.subordinate);
    let touched = app.hosted.rosters.event(whose, (seq, negative), (told.as_ref(), body));
    known.counted.heard(seq, negative, touched, dep);
    // Superiors of ours hear of it without waiting for the next sign of life.
    if negative && known.counted.confirmations() > 0 {
        app.news.moved();
    }
    Ok(())
}

/// The subordinate has sent all that had happened when it said so: that cannot have been before as much time had passed
/// since we asked as it says.
async fn confirm(
    app: &Arc<App>,
    below: &Below,
    known: &mut Known,
    dep: Option<&Arc<Dep>>,
    (beat, opened): (Beat, BootInstant),
) -> Result<(), End> {
    if beat.epoch != known.tree.heard() {
        let why = format!("it is at epoch {}, and has sent {} events", beat.epoch, known.tree.heard());
        return Err(End::Refused(why));
    }
    let mut proven = 0;
    if let Some(signed) = known.tree.proven() {
        let size = i64::try_from(signed.checkpoint().size()).unwrap_or(i64::MAX);
        if size > known.counted.proven() && log::counts(app, below.registry, signed).await {
            proven = size;
        }
    }
    let before = opened.plus(beat.elapsed).min(BootInstant::now());
    known.confirmed(proven, dep);
    if let Some(dep) = dep {
        dep.fed(known.counted.last(), before);
        dep.has_published(beat.published);
    }
    let further = beat.below.into_iter().map(|heard| {
        let before = before.earlier(heard.age);
        Further { via: heard.via, epoch: heard.epoch, before, published: heard.published }
    });
    let further: Vec<Further> = further.collect();
    pass_on(app, below, &further);
    let (counted, sure) = (known.counted.last(), beat.complete && known.counted.proven() > 0);
    let sign = Sign { before, published: beat.published, counted, sure, further };
    if app.hosted.rosters.sign(below.registry, &below.subordinate, sign) {
        app.news.moved();
    }
    Ok(())
}

/// What rests on registries further below is confirmed by what the subordinate has heard of them.
fn pass_on(app: &App, below: &Below, further: &[Further]) {
    for further in further {
        let way = further.via.iter().map(AuthorityId::to_string);
        let path: Vec<String> = below.path.iter().cloned().chain(way).collect();
        if let Some(dep) = app.dependencies.find(&path) {
            dep.fed(further.epoch, further.before);
            dep.has_published(further.published);
        }
    }
}

async fn faulty(app: &Arc<App>, below: &Below, fault: Fault) -> End {
    let why = fault.to_string();
    if let Fault::TwoRoots(found) = fault {
        crate::witness::quarantine::accuse(app, below.registry, *found).await;
    }
    End::Refused(why)
}
