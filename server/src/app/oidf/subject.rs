//! Who a mark is about, and whether this registry says yes of them. An entity is asked about by any of its identifiers; an
//! https id that nobody has registered is that of the `did:web` with the same host and path.

use charter_domain::{
    AuthorityId, Context, Decision, EntityId, HttpsId, Kind, Outcome, Query, Reason, RegistryId, Resource,
};
use charter_federation::LocalAuthority;

use super::types::ACTION;
use crate::{App, Error};

/// The `did:web` whose https form this is.
fn did_web(https: &str) -> Option<EntityId> {
    let did = HttpsId::parse(https).ok()?.did()?;
    EntityId::parse(did.as_str()).ok()
}

/// The https id that an identifier has in OpenID Federation, if it has one.
pub fn https(identifier: &str) -> Option<String> {
    match identifier.starts_with("https://") {
        true => Some(identifier.to_owned()),
        false => AuthorityId::parse(identifier).ok()?.https().map(String::from),
    }
}

/// The decision from the registry's own records, as TRQP's doors make it for a question without context.
pub async fn decide(
    app: &App,
    registry: RegistryId,
    sub: &EntityId,
    resource: &Resource,
) -> Result<Decision, Error> {
    let found = decide_of(app, registry, sub, resource).await?;
    match did_web(sub.as_str()).filter(|_| found.reason == Reason::UnknownEntity) {
        Some(did) => decide_of(app, registry, &did, resource).await,
        None => Ok(found),
    }
}

async fn decide_of(
    app: &App,
    registry: RegistryId,
    sub: &EntityId,
    resource: &Resource,
) -> Result<Decision, Error> {
    let authority = app.tenant(registry)?.registry.authority.as_str();
    let terms = (authority, sub.as_str(), ACTION, resource.as_str());
    let query = Query::parse(Kind::Authorization, terms, Context::default())?;
    Ok(app.hosted.decide(registry, &query, app.clock.now()).await?)
}

/// Whether a mark of this resource would be issued to them.
pub async fn is_marked(
    app: &App,
    registry: RegistryId,
    sub: &EntityId,
    resource: &Resource,
) -> Result<bool, Error> {
    Ok(decide(app, registry, sub, resource).await?.outcome() == Outcome::Yes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_https_id_and_a_did_web_are_the_same_name() {
        for (url, did) in [
            ("https://a.example", "did:web:a.example"),
            ("https://a.example/b/c", "did:web:a.example:b:c"),
            ("https://localhost:7100/edu", "did:web:localhost%3A7100:edu"),
        ] {
            assert_eq!(did_web(url).expect(url).as_str(), did);
            assert_eq!(https(did).as_deref(), Some(url));
        }
        for other in ["did:web:a.example", "http://a.example", "https://"] {
            assert_eq!(did_web(other), None, "{other}");
        }
        assert_eq!(https("did:key:z6Mk"), None);
    }
}
