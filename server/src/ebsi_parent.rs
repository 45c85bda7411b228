//! EBSI above this federation: whom its roots accredit, of those that a registry is configured to look for.
//!
//! A member's accreditations are judged when they are asked about, once at a time, and kept: 30 s if good, 10 s if not,
//! looked up again from half of that on while they are used. Whoever asks waits for half of a request's deadline; the work
//! goes on without them.
//! Nothing of it is recorded, and nothing that could not be judged counts.

pub mod command;
pub mod recorded;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use charter_domain::{
    AuthorityId, Delegation, HttpsId, Interval, NamingConstraints, RegistryId, Scope, Timestamp,
    scope::MAX_GRANTS,
};
use charter_federation::{
    Accredited,
    protocol::ebsi::{self, Clause, FAN_OUT, Fault, Fetch, Fetched, Judged, MAX_ANSWER, rights::Mapping},
};
use futures::future::join_all;
use rustls::RootCertStore;

use crate::{
    config::ebsi::{EbsiMember, EbsiParent},
    context::Startup,
    hosted::Tenant,
    https::{Bounds, Client},
    tls,
};

/// For one request; EBSI's own DID registry has been seen to take seconds.
const BOUNDS: Bounds = Bounds { deadline: Duration::from_secs(5), max_answer: MAX_ANSWER, idle: FAN_OUT };
/// For everything about one member.
const WITHIN: Duration = Duration::from_secs(20);
const GOOD: Duration = Duration::from_secs(30);
const BAD: Duration = Duration::from_secs(10);

/// Requests of EBSI's interfaces.
pub struct Web(Client);

impl Web {
    /// Trusts the authorities in a file, or those of the system; in plaintext on loopback alone.
    ///
    /// # Errors
    /// The file cannot be used.
    pub fn new(base_url: &str, ca_file: Option<&str>) -> Result<Self, String> {
        let trusted = match base_url.starts_with("https://") {
            true => tls::client(ca_file)?,
            false => tls::trusting(RootCertStore::empty())?,
        };
        Ok(Self(Client::new(trusted, BOUNDS)))
    }
}

#[async_trait]
impl Fetch for Web {
    async fn get(&self, url: &str, accept: &'static str) -> Result<Fetched, String> {
        let (status, body) = self.0.get_as(url, accept).await?;
        Ok(Fetched { status: status.as_u16(), body: body.to_vec() })
    }
}

/// The roots that registries of this process know.
#[derive(Default)]
pub struct Parents(HashMap<RegistryId, Vec<Parent>>);

struct Parent {
    root: AuthorityId,
    members: Vec<Arc<Member>>,
}

/// Somebody who may be accredited.
struct Member {
    web: Arc<Web>,
    registry: ebsi::Registry,
    mappings: Vec<Mapping>,
    config: EbsiMember,
    entity_identifier: HttpsId,
    kept: Mutex<Option<Kept>>,
    /// How long a question waits for it.
    patience: Duration,
    /// Held while it is judged as of now.
    turn: Arc<tokio::sync::Mutex<()>>,
    /// Held while it is judged as of an instant: who asks about the past keeps nobody from the present.
    past: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Kept {
    found: Found,
    during: Interval,
    again: Timestamp,
}

type Found = Result<Delegation, String>;

impl Parents {
    /// Of these registries, in whose questions half of `deadline` is for judging.
    ///
    /// # Errors
    /// What of a registry's configuration cannot be used.
    pub fn new<'a>(tenants: impl Iterator<Item = &'a Tenant>, deadline: Duration) -> Result<Self, Startup> {
        let mut all = HashMap::new();
        for tenant in tenants.filter(|tenant| !tenant.config.ebsi_parents.is_empty()) {
            let parents = tenant.config.ebsi_parents.iter().map(|parent| Parent::new(parent, deadline / 2));
            let fault = |why| Startup::Registry(tenant.registry.authority.to_string(), why);
            all.insert(tenant.registry.id, parents.collect::<Result<_, String>>().map_err(fault)?);
        }
        Ok(Self(all))
    }

    fn find(&self, registry: RegistryId, authority: &AuthorityId) -> Option<&Parent> {
        self.0.get(&registry)?.iter().find(|parent| parent.root == *authority)
    }

    /// Whether a registry knows this authority as a root.
    pub fn knows(&self, registry: RegistryId, authority: &AuthorityId) -> bool {
        self.find(registry, authority).is_some()
    }

    /// Whom the root accredits, of its members; `None` where it is no root that the registry knows.
    pub async fn accredited(
        &self,
        registry: RegistryId,
        authority: &AuthorityId,
        at: Option<Timestamp>,
        now: Timestamp,
    ) -> Option<Accredited> {
        let parent = self.find(registry, authority)?;
        let mut all = Accredited::default();
        for found in join_all(parent.members.iter().map(|member| member.found(at, now))).await {
            match found {
                Ok(delegation) => all.members.push(delegation),
                Err(fault) => all.faults.push(fault),
            }
        }
        Some(all)
    }
}

impl Parent {
    fn new(config: &EbsiParent, patience: Duration) -> Result<Self, String> {
        let web = Arc::new(Web::new(&config.base_url, config.ca_file.as_deref())?);
        let base = config.base_url.trim_end_matches('/').to_owned();
        let registry = ebsi::Registry { base, root: config.root.clone() };
        let mappings: Vec<Mapping> = config.types.iter().map(Mapping::from).collect();
        let member = |one: &EbsiMember| -> Result<Arc<Member>, String> {
            Ok(Arc::new(Member {
                web: Arc::clone(&web),
                registry: registry.clone(),
                mappings: mappings.clone(),
                config: one.clone(),
                entity_identifier: one.https_id().ok_or("a member needs an entity_identifier")?,
                kept: Mutex::default(),
                patience,
                turn: Arc::default(),
                past: tokio::sync::Mutex::default(),
            }))
        };
        let members = config.members.iter().map(member).collect::<Result<_, String>>()?;
        Ok(Self { root: config.root.clone(), members })
    }
}

impl Member {
    /// Its accreditations as a delegation, now (as kept, or as they are looked up) or at an instant.
    async fn found(self: &Arc<Self>, at: Option<Timestamp>, now: Timestamp) -> Found {
        let late = |_| Err(format!("`{}` could not be judged in time; ask again", self.config.did));
        if let Some(at) = at {
            let judging = async {
                let _turn = self.past.lock().await;
                self.judged(at).await
            };
            return tokio::time::timeout(self.patience, judging).await.unwrap_or_else(late);
        }
        if let Some(kept) = self.kept(now) {
            if kept.again <= now {
                drop(self.look_up(now));
            }
            return kept.found;
        }
        let looking = async {
            match self.look_up(now) {
                Some(task) => task.await.unwrap_or_else(|_| Err("it could not be judged".to_owned())),
                // Somebody else's is under way.
                None => {
                    drop(self.turn.lock().await);
                    let nothing = || Err(format!("`{}` is being judged; ask again", self.config.did));
                    self.kept(now).map_or_else(nothing, |kept| kept.found)
                }
            }
        };
        tokio::time::timeout(self.patience, looking).await.unwrap_or_else(late)
    }

    fn kept(&self, now: Timestamp) -> Option<Kept> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().filter(|kept| kept.during.contains(now)).cloned()
    }

    /// Judges it as of `now` and keeps what comes of it, whoever waits; `None` while that is under way.
    fn look_up(self: &Arc<Self>, now: Timestamp) -> Option<tokio::task::JoinHandle<Found>> {
        let turn = Arc::clone(&self.turn).try_lock_owned().ok()?;
        let member = Arc::clone(self);
        Some(tokio::spawn(async move {
            let found = member.judged(now).await;
            if let Err(fault) = &found {
                tracing::warn!(root = %member.registry.root, %fault, "an accreditation at EBSI does not count");
            }
            let longest = if found.is_ok() { GOOD } else { BAD };
            let during = Interval { from: Some(now), until: Some(now.plus(longest)) };
            let kept = Kept { found: found.clone(), during, again: now.plus(longest / 2) };
            *member.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
            drop(turn);
            found
        }))
    }

    async fn judged(&self, at: Timestamp) -> Found {
        let judging = ebsi::judge(&*self.web, &self.registry, &self.config.did, at);
        let judged = tokio::time::timeout(WITHIN, judging).await;
        let judged = judged.map_err(|_| format!("no answer within {} s", WITHIN.as_secs()))?;
        let judged = judged.map_err(|fault| {
            if fault.clause == Clause::Unreachable {
                tracing::warn!(root = %self.registry.root, %fault, "a registry of EBSI did not answer");
            }
            told(&fault)
        });
        self.delegation(&judged?)
    }

    /// What it may speak for, each grant until its own accreditations end.
    fn delegation(&self, judged: &Judged) -> Found {
        let mut grants = Vec::new();
        for one in &judged.accredited {
            let mut scope = one.rights.scope(&self.mappings, one.may_accredit).0;
            for grant in &mut scope {
                grant.until = one.valid.until;
            }
            grants.append(&mut scope);
        }
        grants.truncate(MAX_GRANTS);
        if grants.is_empty() {
            return Err(format!("`{}` is accredited for nothing that is known here", self.config.did));
        }
        let passes_on = grants.iter().any(|grant| grant.may_delegate);
        Ok(Delegation {
            id: 0,
            subordinate: self.config.authority().clone(),
            entity_identifier: self.entity_identifier.clone(),
            jwks: judged.keys.to_json(),
            endpoint: self.config.endpoint.clone(),
            tls_spki_sha256: self.config.tls_spki_sha256.clone(),
            scope: Scope(grants),
            max_path_length: if passes_on { None } else { Some(0) },
            naming_constraints: NamingConstraints::default(),
            answers_as_own: true,
            valid: Interval::ALWAYS,
            statuses: Vec::new(),
            document: None,
        })
    }
}

/// What who asks is told of it: how a request failed is for our log.
fn told(fault: &Fault) -> String {
    let Fault { link, subject, clause, .. } = fault;
    if *clause != Clause::Unreachable {
        return fault.to_string();
    }
    format!("link {link}, {subject}: the root's registry did not give what was asked for ({})", clause.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_request_failed_is_told_to_nobody() {
        let fault = |clause| Fault {
            link: 1,
            subject: AuthorityId::parse("did:ebsi:zA").expect("a DID"),
            attribute: "ab".to_owned(),
            clause,
            detail: "`/x`: no connection: os error 111".to_owned(),
        };
        let unreachable = told(&fault(Clause::Unreachable));
        assert!(unreachable.starts_with("link 1, did:ebsi:zA: ") && !unreachable.contains("os error"));
        assert!(told(&fault(Clause::Hash)).contains("attribute ab"));
    }
}
