//! Break-glass denials: two security officers turn a yes about one entity into a no, by a signed file, while PostgreSQL,
//! etcd and Redis may all be dead. Held in memory and in a folder, passed on, and recorded as a suspension later.
//!
//! While there are none a question pays for one load of an atomic number. A denial counts where answers leave
//! (`answer`), where records are decided about (`decided`), and in lists.

pub mod answer;
pub mod command;
mod folder;
mod learn;
mod record;
pub mod tasks;
mod tell;

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

use charter_domain::{
    AuthorityId, Decision, HttpsId, Interval, Invalid, Outcome, Query, Reason, RegistryId, Timestamp,
    status::State, time::Clock,
};
use charter_proof::breakglass::{EmergencyDenial, Terms};
use charter_signing::JwkSet;
use charter_store::entity::{EntityView, StatusView};
use tokio::sync::Notify;

use crate::{App, Error, ceremony, config::emergency::RegistryEmergency, error::Code};

/// Most denials that are held.
const MOST: usize = 1_000;

/// The officers' keys that a configuration names; `None` where it names none.
pub fn officers(settings: &RegistryEmergency) -> Result<Option<JwkSet>, String> {
    let read = |path: &std::path::PathBuf| ceremony::key::read_public(path).map_err(|e| format!("{e:#}"));
    let keys = settings.officers.iter().map(read).collect::<Result<Vec<_>, _>>();
    let keys = keys.map_err(|why| format!("emergency.officers: {why}"))?;
    if keys.is_empty() {
        return Ok(None);
    }
    JwkSet::new(keys).map(Some).map_err(|e| format!("emergency.officers: {e}"))
}

/// A denial that counts here.
pub struct Held {
    pub denial: EmergencyDenial,
    /// The registry of this process whose it is, or below which its authority stands.
    pub registry: RegistryId,
    /// By what the entity is asked about.
    names: RwLock<HashSet<String>>,
    /// All names that are on record are among them.
    named: AtomicBool,
    /// It is on file in the database, or is not this process' to record.
    recorded: AtomicBool,
    /// Whom it was passed on to, by URL.
    told: Mutex<HashMap<String, tell::Told>>,
}

impl Held {
    fn new(denial: EmergencyDenial, registry: RegistryId, own: bool) -> Self {
        let names = denial.terms().entity_ids.iter().flat_map(|id| spellings(id.as_str())).collect();
        Self {
            denial,
            registry,
            names: RwLock::new(names),
            named: AtomicBool::new(!own),
            recorded: AtomicBool::new(!own),
            told: Mutex::default(),
        }
    }

    pub fn terms(&self) -> &Terms {
        self.denial.terms()
    }

    /// Whether it is about the entity of that name.
    pub fn is_about(&self, name: &str) -> bool {
        self.names.read().unwrap_or_else(PoisonError::into_inner).contains(name)
    }

    /// When it is denied.
    pub fn span(&self) -> Interval {
        Interval { from: Some(self.terms().begins()), until: Some(self.terms().ends()) }
    }

    fn is_of(&self, authority: &str) -> bool {
        self.terms().authority_id.as_str() == authority
    }

    /// Whether it bears on an instant that was asked about; what was before it stays as it was.
    fn reaches(&self, time: Option<Timestamp>) -> bool {
        time.is_none_or(|time| time >= self.terms().begins())
    }

    fn call(&self, more: impl Iterator<Item = String>) {
        self.names.write().unwrap_or_else(PoisonError::into_inner).extend(more);
        self.named.store(true, Ordering::Release);
    }
}

/// A `did:web` and its https form are one name.
fn spellings(name: &str) -> Vec<String> {
    let https = AuthorityId::parse(name).ok().and_then(|did| did.https()).map(String::from);
    let did = HttpsId::parse(name).ok().and_then(|id| id.did()).map(String::from);
    [Some(name.to_owned()), https, did].into_iter().flatten().collect()
}

type List = Vec<Arc<Held>>;

/// What is recorded of an entity, with what denies it as a suspension; `None` where nothing does.
pub fn overlaid(denied: &[Arc<Held>], entity: &EntityView) -> Option<EntityView> {
    let names = |held: &Held| entity.identifiers.iter().any(|id| held.is_about(&id.value));
    let held = denied.iter().find(|held| names(held))?;
    let status = StatusView::of(State::Suspended, held.span(), held.terms().reason.clone());
    let mut suspended = entity.clone();
    suspended.statuses.get_or_insert_default().push(status);
    Some(suspended)
}

pub struct Breakglass {
    /// How many are in force.
    count: AtomicUsize,
    /// Another number once one came or went: what was made before says something else now.
    revision: AtomicU64,
    held: RwLock<Arc<List>>,
    /// Officers of registries below, each with the registry of this process that it stands below.
    below: RwLock<HashMap<AuthorityId, (RegistryId, JwkSet)>>,
    /// One came.
    news: Notify,
    clock: Arc<dyn Clock>,
    gauge: metrics::Gauge,
}

impl Breakglass {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            count: AtomicUsize::new(0),
            revision: AtomicU64::new(0),
            held: RwLock::default(),
            below: RwLock::default(),
            news: Notify::new(),
            clock,
            gauge: metrics::gauge!("charter_emergency_denials"),
        }
    }

    /// Nothing is denied.
    pub fn is_idle(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }

    pub fn revision(&self) -> u64 {
        self.revision.load(Ordering::Acquire)
    }

    fn held(&self) -> Arc<List> {
        Arc::clone(&self.held.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Those in force, in the order in which they came.
    pub fn in_force(&self) -> List {
        let now = self.clock.now();
        self.held().iter().filter(|held| held.terms().ends() > now).cloned().collect()
    }

    /// One in force for which this is so.
    pub fn find(&self, fits: impl Fn(&Held) -> bool) -> Option<Arc<Held>> {
        if self.is_idle() {
            return None;
        }
        let now = self.clock.now();
        self.held().iter().find(|held| held.terms().ends() > now && fits(held)).cloned()
    }

    /// What denies an entity under an authority now.
    pub fn denies(&self, authority: &AuthorityId, entity: &str) -> Option<Arc<Held>> {
        self.find(|held| held.is_of(authority.as_str()) && held.is_about(entity))
    }

    /// Those of an authority that are in force.
    pub fn of(&self, authority: &AuthorityId) -> List {
        if self.is_idle() {
            return List::new();
        }
        self.in_force().into_iter().filter(|held| held.is_of(authority.as_str())).collect()
    }

    /// Adds what is denied to what is recorded of an entity, as a suspension.
    pub fn overlay(&self, authority: &AuthorityId, entity: &mut EntityView) {
        if let Some(suspended) = overlaid(&self.of(authority), entity) {
            *entity = suspended;
        }
    }

    /// A decision from records of the authority that was asked about, with what is denied beside them: a yes becomes a
    /// no, and nothing else changes.
    pub fn decided(&self, query: &Query, decision: Decision) -> Decision {
        if self.is_idle() || decision.outcome() != Outcome::Yes {
            return decision;
        }
        let of = |held: &Held| {
            held.is_of(query.authority.as_str())
                && held.is_about(query.entity.as_str())
                && held.reaches(query.context.time)
        };
        let Some(held) = self.find(of) else { return decision };
        let change = [decision.next_change, Some(held.terms().ends())].into_iter().flatten().min();
        Decision { reason: Reason::Suspended, statement: None, next_change: change, ..decision }
    }

    /// Keeps one that counts; what was held under its number, else whether it is new.
    fn put(&self, held: Arc<Held>) -> Result<(Arc<Held>, bool), Error> {
        let mut list = self.held.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(other) = list.iter().find(|other| other.terms().jti == held.terms().jti) {
            if other.denial.says_what(&held.denial) {
                return Ok((Arc::clone(other), false));
            }
            return Err(Error::new(
                Code::Conflict,
                "another denial has this `jti`: sign one with a new number",
            ));
        }
        if list.len() >= MOST {
            let full =
                format!("{MOST} denials are held already; suspend in the registry, or wait until one lapses");
            return Err(Error::new(Code::Unavailable, full));
        }
        let mut all = List::clone(&list);
        all.push(Arc::clone(&held));
        self.replace(&mut list, all);
        Ok((held, true))
    }

    /// Lets go of those for which nothing is to be done any more; their numbers.
    fn sweep(&self) -> Vec<String> {
        let now = self.clock.now();
        let mut list = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let is_over = |held: &Held| held.terms().ends() <= now;
        let gone = |held: &Held| is_over(held) && held.recorded.load(Ordering::Acquire);
        let over: Vec<String> =
            list.iter().filter(|held| gone(held)).map(|held| held.terms().jti.clone()).collect();
        let standing = list.iter().filter(|held| !is_over(held)).count();
        if !over.is_empty() || standing != self.count.load(Ordering::Relaxed) {
            let left = list.iter().filter(|held| !over.contains(&held.terms().jti)).cloned().collect();
            self.replace(&mut list, left);
        }
        over
    }

    fn replace(&self, list: &mut Arc<List>, with: List) {
        let now = self.clock.now();
        let standing = with.iter().filter(|held| held.terms().ends() > now).count();
        *list = Arc::new(with);
        self.revision.fetch_add(1, Ordering::AcqRel);
        self.count.store(standing, Ordering::Release);
        self.gauge.set(f64::from(u32::try_from(standing).unwrap_or(u32::MAX)));
    }

    /// Whose officers an authority below has, and below which registry it stands.
    fn below(&self, authority: &AuthorityId) -> Option<(RegistryId, JwkSet)> {
        self.below.read().unwrap_or_else(PoisonError::into_inner).get(authority).cloned()
    }
}

/// Takes a denial that somebody sent or a folder has: true where it is new here.
///
/// # Errors
/// `INVALID` for one that does not count, with what to do about it; `CONFLICT` where its number stands for another;
/// `UNAVAILABLE` where too many are held.
pub async fn take(app: &App, denial: EmergencyDenial) -> Result<bool, Error> {
    let (registry, own, officers) = whose(app, denial.terms())?;
    let verified = denial.verify(&officers, app.clock.now());
    verified.map_err(|why| Invalid::new("denial", format!("does not count: {why}")))?;
    let (held, new) = app.hosted.breakglass.put(Arc::new(Held::new(denial, registry, own)))?;
    if new {
        let (authority, until) = (&held.terms().authority_id, held.terms().ends());
        tracing::warn!(%authority, jti = held.terms().jti, %until, "an entity is denied in an emergency");
        folder::keep(app, &held).await;
        app.hosted.breakglass.news.notify_waiters();
    }
    Ok(new)
}

/// The registry that a denial belongs to, whether it is its own, and whose signatures count.
fn whose(app: &App, terms: &Terms) -> Result<(RegistryId, bool, JwkSet), Invalid> {
    let invalid = |why: &str| Invalid::new("denial.authority_id", why);
    let Some(registry) = app.hosted.by_authority(terms.authority_id.as_str()) else {
        let found = app.hosted.breakglass.below(&terms.authority_id);
        let (registry, officers) = found.ok_or_else(|| {
            invalid("is neither served here nor known with emergency officers below a registry here")
        })?;
        return Ok((registry, false, officers));
    };
    let officers = app.hosted.tenant(registry).and_then(|tenant| tenant.officers.clone());
    let none = || invalid("has no emergency officers: name them in `emergency.officers` of the registry");
    Ok((registry, true, officers.ok_or_else(none)?))
}

/// What a person should know: how many denials are in force, and that some are not recorded yet.
pub fn details(app: &App) -> Option<String> {
    let held = app.hosted.breakglass.in_force();
    let open = held.iter().filter(|held| !held.recorded.load(Ordering::Acquire)).count();
    (!held.is_empty())
        .then(|| format!("{} emergency denials are in force, {open} of them not recorded yet", held.len()))
}
