//! Lists of OpenID Federation 1.0: immediate subordinates by filters (8.2), and who has a trust mark of a type (8.5).

use std::collections::BTreeSet;

use charter_domain::{AuthorityId, Delegation, EntityId, Invalid, RegistryId, Resource};
use charter_federation::LocalAuthority;

use super::{
    in_force, subject,
    types::{self, ACTION},
};
use crate::{App, Error};

/// Types of every registry that was delegated to: its configuration could not be read otherwise.
const ENTITY_TYPES: [&str; 2] = ["federation_entity", "trust_registry"];
/// Most entities of one answer: the standard has no pages.
const MOST: i64 = 10_000;

/// What subordinates must be like; each that is absent or false leaves all in.
#[derive(Debug, Default)]
pub struct Filter {
    /// One of these.
    pub entity_types: Vec<String>,
    /// A trust mark of this registry would be issued to it now.
    pub trust_marked: bool,
    /// The same, of this type.
    pub trust_mark_type: Option<String>,
    /// It is known to have subordinates itself.
    pub intermediate: bool,
}

/// The https ids of those whose delegation is in force.
pub async fn subordinates(app: &App, registry: RegistryId, by: &Filter) -> Result<Vec<String>, Error> {
    let typed = |one: &String| ENTITY_TYPES.contains(&one.as_str());
    if !by.entity_types.is_empty() && !by.entity_types.iter().any(typed) {
        return Ok(Vec::new());
    }
    let resource = match &by.trust_mark_type {
        None => None,
        Some(name) => match types::known(app, registry, name).await? {
            None => return Ok(Vec::new()),
            known => known,
        },
    };
    let view = app.hosted.view(registry).await?;
    let told = if by.intermediate { told(app, registry) } else { BTreeSet::new() };
    let mut found = BTreeSet::new();
    for d in in_force(&view.delegations, app.clock.now()) {
        let fits = (!by.intermediate || has_subordinates(app, &told, d).await)
            && match &resource {
                Some(resource) => has_mark_of(app, registry, d, resource).await?,
                None => !by.trust_marked || has_mark(app, registry, d).await?,
            };
        if fits {
            found.insert(d.entity_identifier.to_string());
        }
    }
    Ok(found.into_iter().collect())
}

/// Subordinates whose feeds tell of somebody below them.
fn told(app: &App, registry: RegistryId) -> BTreeSet<AuthorityId> {
    let heard = app.hosted.rosters.summary(registry).map(|summary| summary.heard).unwrap_or_default();
    let further = heard.into_iter().filter(|heard| heard.via.len() > 1);
    further.filter_map(|heard| heard.via.into_iter().next()).collect()
}

/// As its own records say, where it is served by this process; else as its feed does.
async fn has_subordinates(app: &App, told: &BTreeSet<AuthorityId>, d: &Delegation) -> bool {
    if let Some(own) = app.hosted.hosted(&d.subordinate) {
        let view = app.hosted.view(own).await;
        return view.is_ok_and(|view| in_force(&view.delegations, app.clock.now()).next().is_some());
    }
    told.contains(&d.subordinate)
}

/// The identifiers under which a subordinate may be an entity here.
fn names(d: &Delegation) -> Result<[EntityId; 2], Invalid> {
    Ok([EntityId::parse(d.entity_identifier.as_str())?, EntityId::parse(d.subordinate.as_str())?])
}

async fn has_mark_of(
    app: &App,
    registry: RegistryId,
    d: &Delegation,
    resource: &Resource,
) -> Result<bool, Error> {
    for name in names(d)? {
        if subject::is_marked(app, registry, &name, resource).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn has_mark(app: &App, registry: RegistryId, d: &Delegation) -> Result<bool, Error> {
    for name in names(d)? {
        let found = app.store.entity(registry, name.as_str()).await?;
        let stated = found.into_iter().flat_map(|entity| entity.statements.unwrap_or_default());
        let resources: BTreeSet<String> =
            stated.filter(|s| s.kind == 0 && s.action == ACTION).map(|s| s.resource).collect();
        for resource in resources {
            if subject::is_marked(app, registry, &name, &Resource::parse(&resource)?).await? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Who has a mark of a type now; with `sub`, whether they have. Nobody has one of a type that is none of this registry.
pub async fn marked(
    app: &App,
    registry: RegistryId,
    name: &str,
    sub: Option<&EntityId>,
) -> Result<Vec<String>, Error> {
    let Some(resource) = types::known(app, registry, name).await? else { return Ok(Vec::new()) };
    if let Some(sub) = sub {
        let marked = subject::is_marked(app, registry, sub, &resource).await?;
        return Ok(marked.then(|| sub.to_string()).into_iter().collect());
    }
    let right = (ACTION.to_owned(), resource.to_string());
    let page = app.store.directory(registry, Some(right), app.clock.now(), (MOST, 0)).await?;
    if page.total > MOST {
        let why = format!("has more than {MOST} marks: name the `sub` that is meant");
        return Err(Invalid::new("trust_mark_type", why).into());
    }
    let authority = &app.tenant(registry)?.registry.authority;
    let stands = |name: &String| app.hosted.breakglass.denies(authority, name).is_none();
    let names = page.items.into_iter().map(|item| item.identifier).filter(stands).collect();
    called(app, registry, names).await
}

/// Entities by their https ids; as they are recorded where an id has none, or it is recorded by itself.
async fn called(app: &App, registry: RegistryId, identifiers: Vec<String>) -> Result<Vec<String>, Error> {
    let https: Vec<Option<String>> = identifiers.iter().map(|id| subject::https(id)).collect();
    let taken = app.store.taken(registry, https.iter().flatten().cloned().collect()).await?;
    let free = |https: Option<String>| https.filter(|https| !taken.contains(https));
    Ok(identifiers.into_iter().zip(https).map(|(id, https)| free(https).unwrap_or(id)).collect())
}
