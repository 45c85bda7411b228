//! Looking around in a registry: its entities, what they may do, what may be asked about.

use charter_domain::{AuthorityId, Context, Kind, Query, RegistryId, Timestamp};
use charter_federation::{Budget, Mode};
use charter_store::directory::{Page, Term};
use tokio::time::Instant;

use crate::{
    App, Error,
    app::{
        answer::Reply,
        entity,
        query::{self, Asked},
    },
    error::Code,
    hosted::Tenant,
};

/// Most answers of one list; each is decided like a question of its own.
const MOST: i64 = 1_000;

/// That a list is asked of the authority that keeps it; nobody is asked who named none.
pub fn own(tenant: &Tenant, authority: &str) -> Result<(), Error> {
    if authority.is_empty() || AuthorityId::parse(authority)? == tenant.registry.authority {
        return Ok(());
    }
    Err(Error::new(Code::UnknownAuthority, "this registry keeps no records of that authority"))
}

/// The instant asked about, inside the kept history.
pub fn instant(tenant: &Tenant, time: &str) -> Result<Option<Timestamp>, Error> {
    if time.is_empty() {
        return Ok(None);
    }
    let at = Timestamp::parse(time).map_err(|e| e.at("time"))?;
    let since = tenant.registry.history_since;
    if at < since {
        let detail = format!("before {since}");
        return Err(Error { field: Some("time".to_owned()), ..Error::new(Code::TimeOutOfRange, detail) });
    }
    Ok(Some(at))
}

pub async fn entities(
    app: &App,
    registry: RegistryId,
    right: Option<(String, String)>,
    at: Option<Timestamp>,
    page: (i64, i64),
) -> Result<Page, Error> {
    let at = at.unwrap_or_else(|| app.clock.now());
    Ok(app.store.directory(registry, right, at, page).await?)
}

/// What an entity was ever authorized to do, each answered as if it were asked.
pub async fn authorizations(
    app: &App,
    (registry, deadline): (RegistryId, Instant),
    identifier: &str,
    at: Option<Timestamp>,
) -> Result<Vec<(Query, Reply)>, Error> {
    let found = entity::get(app, registry, identifier).await?;
    let mut terms: Vec<(String, String)> = found
        .statements
        .iter()
        .flatten()
        .filter(|s| s.kind == 0)
        .map(|s| (s.action.clone(), s.resource.clone()))
        .collect();
    terms.sort_unstable();
    terms.dedup();
    let term = |(action, resource)| Term { action, resource, identifier: identifier.to_owned() };
    answers(app, (registry, deadline), Kind::Authorization, terms.into_iter().map(term).collect(), at).await
}

/// Whom this authority ever recognised, each answered as if it were asked.
pub async fn recognitions(
    app: &App,
    (registry, deadline): (RegistryId, Instant),
    at: Option<Timestamp>,
) -> Result<Vec<(Query, Reply)>, Error> {
    let terms = app.store.recognised(registry, MOST).await?;
    answers(app, (registry, deadline), Kind::Recognition, terms, at).await
}

pub async fn terms(app: &App, registry: RegistryId) -> Result<Vec<Term>, Error> {
    Ok(app.store.authorized_terms(registry, MOST).await?)
}

async fn answers(
    app: &App,
    (registry, deadline): (RegistryId, Instant),
    kind: Kind,
    terms: Vec<Term>,
    at: Option<Timestamp>,
) -> Result<Vec<(Query, Reply)>, Error> {
    let authority = app.tenant(registry)?.registry.authority.to_string();
    let mut list = Vec::with_capacity(terms.len());
    for term in terms {
        let words =
            (authority.as_str(), term.identifier.as_str(), term.action.as_str(), term.resource.as_str());
        let query = Query::parse(kind, words, Context { time: at, ..Context::default() })?;
        let budget = Budget { deadline, ..Budget::fresh(Instant::now()) };
        let asked = Asked { mode: Mode::Own, ..Asked::new(registry, query.clone(), budget) };
        let reply = query::answer(app, asked).await?;
        if let Some(error) = query::trqp_error(app, &reply) {
            return Err(error);
        }
        list.push((query, reply));
    }
    Ok(list)
}
