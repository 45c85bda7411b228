//! What is recorded here in the terms of EBSI: a Trusted Issuers Registry (v5) and a Trusted Schemas Registry (v3) to read.
//!
//! Nothing of it is kept in a table. An issuer is the registry itself, a subordinate (a TAO), or an entity that may issue
//! (a TI); each has one attribute for each thing that is stated of it, whose body is an accreditation signed when it is
//! asked for. What EBSI's terms would widen is left out: statements with conditions, places without a URI in its table.

mod above;
mod claims;
mod draft;
mod kept;
pub mod schema;
mod signed;

use std::collections::BTreeSet;

use charter_domain::{AuthorityId, Delegation, RegistryId, Timestamp, did_ebsi};
use charter_federation::LocalAuthority;
use charter_signing::{JwkSet, PublicKey};
use charter_store::ebsi::{Holder, Of};
use serde_json::Value;

use self::{above::Above, draft::Draft};
pub use self::{
    kept::{Kept, Signed},
    signed::attribute,
};
use crate::{
    App, Error,
    app::{did, document::internal},
    hosted::Tenant,
};

/// Where the registries are below `public_url`.
pub const TIR: &str = "/trusted-issuers-registry/v5";
pub const TSR: &str = "/trusted-schemas-registry/v3";
pub const DIDR: &str = "/did-registry/v5";
/// Most attributes of one issuer; what goes beyond is not shown.
const MOST_ATTRIBUTES: usize = 1_000;
/// Most that the form of the version before shows with their bodies.
const MOST_BODIES: usize = 50;

/// Why there is no answer, as EBSI words it; or an error of ours.
#[derive(Debug)]
pub enum Fault {
    Did,
    Issuer(String),
    Attribute(String),
    Revision(String),
    Proxy(String, String),
    SchemaId,
    Schema(String),
    RevisionId,
    SchemaRevision(String),
    Metadata(String),
    Identifier(String),
    Instant,
    /// Which query parameter, and what it must be.
    Query(&'static str),
    PageSize,
    Ours(Error),
}

impl<E: Into<Error>> From<E> for Fault {
    fn from(e: E) -> Self {
        Self::Ours(e.into())
    }
}

/// A page as it was asked for: its number, from 1 on, and how many rows it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    pub number: u32,
    pub size: u32,
}

impl Page {
    /// Rows before it.
    pub fn before(self) -> usize {
        usize::try_from(u64::from(self.number.saturating_sub(1)) * u64::from(self.size)).unwrap_or(usize::MAX)
    }

    /// What of a list is on it.
    pub fn of<T>(self, list: impl Iterator<Item = T>) -> Vec<T> {
        list.skip(self.before()).take(self.size()).collect()
    }

    fn size(self) -> usize {
        usize::try_from(self.size).unwrap_or(usize::MAX)
    }
}

/// A part of a list, and how long all of it is.
#[derive(Debug)]
pub struct Listed {
    pub total: usize,
    pub items: Vec<String>,
}

/// Whether a DID can be an issuer here: EBSI's own method, or `did:web`.
pub fn is_issuer(did: &str) -> bool {
    let web = |rest: &str| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._:%".contains(&b);
        !rest.is_empty() && rest.len() <= charter_domain::id::MAX_BYTES && rest.bytes().all(plain)
    };
    did.strip_prefix("did:web:").is_some_and(web) || did_ebsi::is_legal_entity(did)
}

fn checked(did: &str) -> Result<(), Fault> {
    if is_issuer(did) { Ok(()) } else { Err(Fault::Did) }
}

/// Whose DID it is, as far as the configuration says.
fn of(tenant: &Tenant, did: &str) -> Of {
    if tenant.registry.authority.as_str() == did { Of::Itself } else { Of::Another }
}

/// The registry itself, then subordinates by DID.
pub async fn authorities(app: &App, registry: RegistryId) -> Result<Vec<String>, Fault> {
    let tenant = app.tenant(registry)?;
    let view = app.hosted.view(registry).await?;
    let now = app.clock.now();
    let begun = view.delegations.iter().filter(|d| !d.valid.is_after(now)).map(|d| d.subordinate.as_str());
    let own = tenant.registry.authority.as_str();
    let subordinates: BTreeSet<&str> = begun.filter(|did| is_issuer(did) && *did != own).collect();
    let first = Some(own).filter(|did| is_issuer(did));
    Ok(first.into_iter().chain(subordinates).map(str::to_owned).collect())
}

/// Authorities, then entities in the order of their registration.
pub async fn issuers(app: &App, registry: RegistryId, page: Page) -> Result<Listed, Fault> {
    let authorities = authorities(app, registry).await?;
    let mut items = page.of(authorities.iter().cloned());
    let (room, skip) = (page.size() - items.len(), page.before().saturating_sub(authorities.len()));
    let bounds = (i64::try_from(room).unwrap_or(0), i64::try_from(skip).unwrap_or(i64::MAX));
    let (known, now) = (authorities.len(), app.clock.now());
    let entities = app.store.ebsi_issuers(registry, authorities, now, bounds).await?;
    items.extend(entities.items);
    Ok(Listed { total: known + usize::try_from(entities.total).unwrap_or(0), items })
}

/// The keys of an authority: of the registry's own as they were at an instant, of a subordinate as they are stated now,
/// and none while it may not speak.
async fn keys(app: &App, registry: RegistryId, did: &str, at: Timestamp) -> Result<Vec<PublicKey>, Fault> {
    checked(did)?;
    let (tenant, now) = (app.tenant(registry)?, app.clock.now());
    if of(tenant, did) == Of::Itself {
        return Ok(tenant.fresh_ring(&app.store).await?.listed_at(at));
    }
    let view = app.hosted.view(registry).await?;
    let found = Delegation::current(&view.delegations, &AuthorityId::parse(did)?, now);
    let found = found.filter(|d| !d.valid.is_after(now));
    let stated = found.ok_or_else(|| Fault::Identifier(did.to_owned()))?;
    // Nothing good is believed of one whose log is in quarantine.
    if stated.standing(now).is_err() || app.hosted.doubts(registry, &stated.entity_identifier) {
        return Ok(Vec::new());
    }
    Ok(JwkSet::parse(stated.jwks.as_bytes()).map_err(internal)?.keys)
}

/// The DID document of an authority: the registry's own as it serves it, or with the keys of an instant, and of a
/// subordinate its keys.
pub async fn document(
    app: &App,
    registry: RegistryId,
    did: &str,
    at: Option<Timestamp>,
) -> Result<Value, Fault> {
    let keys = keys(app, registry, did, at.unwrap_or_else(|| app.clock.now())).await?;
    let named: Vec<(String, Value)> = keys.iter().map(|key| (key.kid().to_owned(), key.to_jwk())).collect();
    let mut made = did::document(did, &[], &named);
    if of(app.tenant(registry)?, did) == Of::Another {
        return Ok(made);
    }
    let mut own = did::own(app, registry).await?;
    if at.is_some() {
        for member in ["verificationMethod", "assertionMethod"] {
            own[member] = made[member].take();
        }
    }
    Ok(own)
}

/// Ids of an issuer's attributes, in a fixed order.
pub async fn attributes(app: &App, registry: RegistryId, did: &str) -> Result<Vec<String>, Fault> {
    let (_, drafts) = drafts(app, registry, did).await?;
    Ok(drafts.into_iter().map(|draft| draft.id).collect())
}

/// All attributes with their bodies, up to a bound: what the version before answered at once.
pub async fn bodies(
    app: &App,
    registry: RegistryId,
    did: &str,
) -> Result<Vec<std::sync::Arc<Signed>>, Fault> {
    signed::together(app, registry, did, MOST_BODIES).await
}

/// What would be signed about an issuer now, and the epoch that it rests on.
async fn drafts(app: &App, registry: RegistryId, did: &str) -> Result<(i64, Vec<Draft>), Fault> {
    checked(did)?;
    let tenant = app.tenant(registry)?;
    // Who stands above is read again with it, where that has changed: an anchor that has a superior is none any more.
    app.hosted.view(registry).await?;
    let held = app.store.ebsi_holder(registry, did, of(tenant, did)).await?;
    let own = of(tenant, did) == Of::Itself;
    if !own && held.statements.is_none() && held.delegations.is_empty() {
        return Err(Fault::Issuer(did.to_owned()));
    }
    let above = Above::of(app, tenant)?;
    let mut drafts = draft::all(&subject(tenant, did, &above), &held, app.clock.now());
    drafts.truncate(MOST_ATTRIBUTES);
    if let Some(held) = app.hosted.breakglass.denies(&tenant.registry.authority, did) {
        drafts = drafts.into_iter().filter_map(|draft| draft.denied(held.span())).collect();
    }
    if drafts.is_empty() && !own && nobody_yet(&held, app.clock.now()) {
        return Err(Fault::Issuer(did.to_owned()));
    }
    Ok((held.epoch, drafts))
}

fn subject<'a>(tenant: &'a Tenant, did: &'a str, above: &'a Above) -> draft::Subject<'a> {
    draft::Subject {
        registry: &tenant.registry.authority,
        base: tenant.config.public_url.trim_end_matches('/'),
        place: &tenant.config.jurisdiction,
        since: tenant.registry.history_since,
        did,
        above,
    }
}

/// Nothing of what is recorded has begun: who will be an issuer is none yet.
fn nobody_yet(held: &Holder, now: Timestamp) -> bool {
    let stated = held.statements.iter().flatten().any(|s| draft::exported(s) && !s.valid().is_after(now));
    !stated && held.delegations.iter().all(|d| d.valid.is_after(now))
}
