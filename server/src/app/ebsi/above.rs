//! What stands above a registry, as its accreditations name it: who accredited it, where that is shown, and the root.

use charter_domain::{AuthorityId, HttpsId};
use charter_federation::LocalAuthority;
use charter_proof::{EntityConfiguration, SubordinateStatement};
use charter_signing::jws;
use serde::de::DeserializeOwned;

use super::is_issuer;
use crate::{App, Error, error::Code, hosted::Tenant};

/// Superiors of this process that are followed before the way up is given up.
const DEEPEST: usize = charter_domain::delegation::MAX_DEPTH as usize;

/// Above an anchor nobody stands: it is its own root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Above {
    pub root: String,
    pub superior: Option<Superior>,
}

/// Who accredited the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Superior {
    pub did: AuthorityId,
    /// Where it answers, without a slash at the end.
    pub url: String,
}

impl Above {
    /// As the configuration, the superiors of this process and the way up that was heard say.
    ///
    /// # Errors
    /// `UNAVAILABLE` while a superior has not been heard.
    pub fn of(app: &App, tenant: &Tenant) -> Result<Self, Error> {
        let unknown =
            || Error::new(Code::Unavailable, "the way up to the anchor was not heard yet; try again");
        Self::climb(app, tenant, DEEPEST).ok_or_else(unknown)
    }

    fn climb(app: &App, tenant: &Tenant, left: usize) -> Option<Self> {
        let above = tenant.above();
        if above.hints.is_empty() {
            return Some(Self { root: tenant.registry.authority.to_string(), superior: None });
        }
        let here = |t: &&Tenant| above.hints.contains(&t.registry.entity_identifier);
        let hosted = app.hosted.tenants().find(here);
        let Some(superior) = hosted.filter(|t| app.hosted.hosted(&t.registry.authority).is_some()) else {
            return match &above.endpoint {
                Some(endpoint) => Self::heard(&tenant.upward(), &endpoint.url),
                None => Self::named(above.hints.first()?),
            };
        };
        let next = left.checked_sub(1)?;
        let (did, url) = (superior.registry.authority.clone(), &superior.config.public_url);
        let superior_of = Superior { did, url: plain(url)? };
        Some(Self { root: Self::climb(app, superior, next)?.root, superior: Some(superior_of) })
    }

    /// A superior that is configured without an endpoint is never heard: it is taken by its https id, and for the root.
    fn named(superior: &HttpsId) -> Option<Self> {
        let url = plain(superior.as_str())?;
        let did = superior.did().filter(|did| is_issuer(did.as_str()))?;
        Some(Self { root: did.to_string(), superior: Some(Superior { did, url }) })
    }

    /// From the superior's statement up to the anchor's configuration, which alone says where its registry answers; of
    /// others the endpoint does.
    fn heard(upward: &[String], endpoint: &str) -> Option<Self> {
        let root: EntityConfiguration = said(upward.last()?)?;
        let anchor = root.metadata.trust_registry;
        let next = upward.get(1)?;
        let superior = match said::<SubordinateStatement>(next) {
            Some(statement) => {
                Superior { did: statement.metadata.trust_registry.authority_id, url: plain(endpoint)? }
            }
            None => Superior { did: anchor.authority_id.clone(), url: plain(&anchor.trqp_endpoint)? },
        };
        Some(Self { root: anchor.authority_id.to_string(), superior: Some(superior) })
    }
}

/// Whoever reads it verifies it: here it names things.
fn said<T: DeserializeOwned>(token: &str) -> Option<T> {
    serde_json::from_slice(&jws::peek(token).ok()?).ok()
}

/// A URL that goes into a signed document.
fn plain(url: &str) -> Option<String> {
    let web = url.starts_with("https://") || url.starts_with("http://");
    let good = web && url.len() <= 2_048 && url.bytes().all(|b| b.is_ascii_graphic() && b != b'"');
    good.then(|| url.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_superior_that_is_never_heard_is_named_by_its_https_id() {
        let named = |id: &str| Above::named(&HttpsId::parse(id).expect("an https id"));
        let above = named("https://trust.example:7443/edu").expect("named");
        assert_eq!(above.root, "did:web:trust.example%3A7443:edu");
        let superior = above.superior.expect("a superior");
        assert_eq!(
            (superior.did.as_str(), superior.url.as_str()),
            (above.root.as_str(), "https://trust.example:7443/edu")
        );
    }

    #[test]
    fn what_goes_into_a_link_is_a_plain_url() {
        assert_eq!(plain("https://a.example/r/b/").as_deref(), Some("https://a.example/r/b"));
        for bad in [
            "ftp://a.example",
            "https://a.example/\"x",
            "https://a.example/ b",
            &format!("https://{}", "a".repeat(2_048)),
        ] {
            assert_eq!(plain(bad), None, "{bad}");
        }
    }
}
