//! One log that this process has taken: which steps are under way, and when the next is due.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use charter_domain::RegistryId;
use metrics::Gauge;
use tokio::{sync::Semaphore, task::JoinSet};

use crate::{
    App,
    log::{halt::Halt, held::Held, load},
};

/// Pauses after a step that did not succeed: the first, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(5);
/// What needs a person is looked at again this seldom.
const STOPPED_PAUSE: Duration = Duration::from_secs(10);
/// What is not published after this is an alarm.
const LATE: Duration = Duration::from_secs(4);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Load,
    Sequence,
    Publish,
}

/// A step that came to its end.
pub(super) struct Done {
    pub registry: RegistryId,
    /// Of which term.
    term: i64,
    step: Step,
    result: Result<Option<Arc<Held>>, Halt>,
}

/// A pause that doubles.
#[derive(Default)]
struct Backoff {
    until: Option<Instant>,
    pause: Duration,
}

impl Backoff {
    fn is_over(&self) -> bool {
        self.until.is_none_or(|until| Instant::now() >= until)
    }
    fn wait(&mut self) {
        self.pause = (self.pause * 2).clamp(FIRST_PAUSE, LAST_PAUSE);
        self.until = Some(Instant::now() + self.pause);
    }
    fn wait_for(&mut self, pause: Duration) {
        self.until = Some(Instant::now() + pause);
    }
}

pub(super) struct Slot {
    registry: RegistryId,
    term: i64,
    held: Option<Arc<Held>>,
    loading: bool,
    sequencing: bool,
    publishing: bool,
    reload: Backoff,
    publish: Backoff,
    /// When the last checkpoint was published by this process.
    checkpointed: Option<Instant>,
    /// Since when there is more than was published.
    behind: Option<Instant>,
    alarmed: bool,
    over: bool,
    gauges: [Gauge; 4],
}

impl Slot {
    pub fn new(registry: RegistryId, term: i64, slug: &str) -> Self {
        let gauge = |name: &'static str| metrics::gauge!(name, "registry" => slug.to_owned());
        Self {
            registry,
            term,
            held: None,
            loading: false,
            sequencing: false,
            publishing: false,
            reload: Backoff::default(),
            publish: Backoff::default(),
            checkpointed: None,
            behind: None,
            alarmed: false,
            over: false,
            gauges: [
                gauge("charter_log_size"),
                gauge("charter_log_published_size"),
                gauge("charter_log_unpublished_seconds"),
                gauge("charter_log_stopped"),
            ],
        }
    }

    /// Starts what there is to do: sequencing once a batch's time, so that a stream of writes is not followed write by
    /// write; publishing as soon as there is something. INVARIANT: a step is under way once; nothing is, beside a load.
    pub fn start(&mut self, app: &Arc<App>, due: bool, turns: &Arc<Semaphore>, steps: &mut JoinSet<Done>) {
        let Some(held) = self.held.clone() else {
            if !self.loading && !self.sequencing && !self.publishing && self.reload.is_over() {
                self.loading = true;
                let (app, turns, registry, term) =
                    (Arc::clone(app), Arc::clone(turns), self.registry, self.term);
                steps.spawn(async move {
                    let result = load::load(&app, registry, term, &turns).await;
                    Done { registry, term, step: Step::Load, result: result.map(|held| Some(Arc::new(held))) }
                });
            }
            return;
        };
        let (size, published) = (held.head().size, app.logs.position(self.registry).published);
        let committed = app.register.watched(self.registry).and_then(|epoch| u64::try_from(epoch).ok());
        if committed.is_some_and(|committed| committed > size) {
            self.behind.get_or_insert_with(Instant::now);
            if due && !self.sequencing {
                self.sequencing = true;
                let held = Arc::clone(&held);
                self.spawn(steps, Step::Sequence, async move { held.sequence().await });
            }
        }
        let every = Duration::from_secs(app.config.log_store.checkpoint_every_secs);
        let old = self.checkpointed.is_none_or(|at| at.elapsed() >= every);
        if size > published {
            self.behind.get_or_insert_with(Instant::now);
        }
        if !self.publishing && size > 0 && (size > published || old) && self.publish.is_over() {
            self.publishing = true;
            self.spawn(steps, Step::Publish, async move { held.publish().await });
        }
    }

    fn spawn(
        &self,
        steps: &mut JoinSet<Done>,
        step: Step,
        work: impl Future<Output = Result<(), Halt>> + Send + 'static,
    ) {
        let (registry, term) = (self.registry, self.term);
        steps.spawn(async move { Done { registry, term, step, result: work.await.map(|()| None) } });
    }

    /// Takes what came of a step. False: the term is over.
    pub fn ended(&mut self, app: &App, done: Done) -> bool {
        if done.term != self.term {
            return true;
        }
        match done.step {
            Step::Load => self.loading = false,
            Step::Sequence => self.sequencing = false,
            Step::Publish => self.publishing = false,
        }
        match done.result {
            Ok(loaded) => self.succeeded(app, done.step, loaded),
            Err(halt) => self.failed(app, done.step, &halt),
        }
        !self.over
    }

    fn succeeded(&mut self, app: &App, step: Step, loaded: Option<Arc<Held>>) {
        match step {
            Step::Load => {
                self.held = loaded;
                let whole = |held: &Arc<Held>| held.head().size == app.logs.position(self.registry).published;
                // Nothing is left to be published: it goes on, and the next failure is a first one.
                if self.held.as_ref().is_some_and(whole) {
                    self.reload = Backoff::default();
                }
            }
            Step::Sequence => {}
            Step::Publish => {
                self.checkpointed = Some(Instant::now());
                self.publish = Backoff::default();
                self.reload = Backoff::default();
                // What was loaded may be stopped again when it is published: only this shows that it goes on.
                app.logs.set_stopped(self.registry, None);
            }
        }
    }

    fn failed(&mut self, app: &App, step: Step, halt: &Halt) {
        let registry = app.hosted.tenant(self.registry).map(|t| t.registry.authority.to_string());
        let registry = registry.unwrap_or_default();
        match halt {
            Halt::Over => {
                tracing::warn!(%registry, ?step, "another process has taken the log");
                self.over = true;
            }
            Halt::Later(why) => {
                tracing::debug!(%registry, ?step, %why, "the log goes on later");
                app.logs.set_stopped(self.registry, None);
                self.publish.wait();
                if step == Step::Load {
                    self.reload.wait();
                }
            }
            Halt::Reload(why) => {
                tracing::warn!(%registry, ?step, %why, "the log is read again");
                self.held = None;
                self.reload.wait();
            }
            Halt::Stop(why) => {
                if app.logs.stopped(self.registry).as_deref() != Some(why) {
                    tracing::error!(%registry, ?step, %why, "the log has stopped");
                    app.logs.set_stopped(self.registry, Some(why.clone()));
                }
                self.held = None;
                self.reload.wait_for(STOPPED_PAUSE);
            }
        }
    }

    /// Once a second: what others see of this log, and an alarm where it is late.
    pub fn measure(&mut self, app: &App) {
        let position = app.logs.position(self.registry);
        let committed = app.register.watched(self.registry).and_then(|epoch| u64::try_from(epoch).ok());
        if position.published >= committed.unwrap_or(0).max(position.sequenced) {
            self.behind = None;
            self.alarmed = false;
        }
        let behind = self.behind.map_or(Duration::ZERO, |since| since.elapsed());
        if behind > LATE && !self.alarmed {
            self.alarmed = true;
            tracing::error!(
                registry = self.registry.0,
                published = position.published,
                sequenced = position.sequenced,
                "what was committed is not published: are witnesses and mirrors there?"
            );
        }
        let stopped = if app.logs.stopped(self.registry).is_some() { 1.0 } else { 0.0 };
        #[expect(clippy::cast_precision_loss, reason = "sizes of logs fit a float")]
        let values = [position.sequenced as f64, position.published as f64, behind.as_secs_f64(), stopped];
        for (gauge, value) in self.gauges.iter().zip(values) {
            gauge.set(value);
        }
    }
}
