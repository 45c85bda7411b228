//! What the DIDs of an entity must be when it is registered, or gets another one.

use charter_credential::{Did, Options};
use charter_domain::{Invalid, RegistryId, event::Identifier};

use super::hosted_prefix;
use crate::{App, config::dids::Checking};

/// Looks at DIDs as `dids.check` says.
///
/// # Errors
/// Only where it is `require`: the first that does not resolve, or has no key that signatures can be checked with.
pub async fn admit(app: &App, registry: RegistryId, identifiers: &[Identifier]) -> Result<(), Invalid> {
    let checking = app.config.dids.check;
    if checking == Checking::Off {
        return Ok(());
    }
    let judged = judge(app, registry, identifiers).await;
    let outcome = if judged.is_ok() { "good" } else { "bad" };
    metrics::counter!("charter_did_checks_total", "outcome" => outcome).increment(1);
    if checking == Checking::Require { judged } else { Ok(()) }
}

async fn judge(app: &App, registry: RegistryId, identifiers: &[Identifier]) -> Result<(), Invalid> {
    let hosted = app.hosted.tenant(registry).map(hosted_prefix);
    for identifier in identifiers.iter().filter(|i| i.value.starts_with("did:")) {
        let value = identifier.value.as_str();
        let bad = |why: &dyn std::fmt::Display| Invalid::new("identifiers", format!("has `{value}`: {why}"));
        let did = Did::parse(value).map_err(|fault| bad(&fault))?;
        // These documents are made of what is recorded, from then on.
        let is_ours = hosted.as_ref().is_some_and(|prefix| value.starts_with(prefix.as_str()));
        if is_ours || app.hosted.by_authority(value).is_some() {
            continue;
        }
        let options = Options { no_cache: true, ..Options::default() };
        let found = app.dids.resolve(&did, options, app.clock.now()).await;
        let document = found.map_err(|fault| bad(&fault))?;
        if document.keys().next().is_none() {
            return Err(bad(&"its document has no key of P-256 or Ed25519"));
        }
    }
    Ok(())
}
