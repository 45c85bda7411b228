//! DIDs: the documents that are served here, and those of others as far as they may be asked for.
//!
//! The authority's own follows from its keys; that of an entity under the registry's own name from the keys on record
//! for it. Everything else is the resolver's.

use charter_credential::{Did, Fault, Method, Options};
use charter_domain::{
    RegistryId, Timestamp,
    key::{Key, KeyState},
    status::State,
};
use charter_signing::PublicKey;
use charter_store::entity::EntityView;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::{
    App, Error,
    app::{binding::is_same_key, entity},
    config::dids::Fetching,
    hosted::Tenant,
};

mod check;
mod watch;

pub use self::{
    check::admit,
    watch::{look, watched},
};

const CONTEXT: [&str; 2] = ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/jwk/v1"];
/// What a fragment may have as it is.
const FRAGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A document, or why there is none.
pub type Found = Result<Value, Fault>;

/// DIDs of entities whose documents are served here begin so: `did:web:trust.example:e:`.
pub fn hosted_prefix(tenant: &Tenant) -> String {
    format!("{}:e:", tenant.registry.authority)
}

/// The authority's DID document: keys, other names, and the services that TRQP's discovery looks for.
pub async fn own(app: &App, registry: RegistryId) -> Result<Value, Error> {
    let tenant = app.tenant(registry)?;
    let id = tenant.registry.authority.as_str();
    let keys = app.hosted.keys(registry).await?;
    let keys: Vec<(String, Value)> =
        keys.keys.iter().map(|key| (key.kid().to_owned(), key.to_jwk())).collect();
    let mut document = document(id, &[tenant.registry.entity_identifier.to_string()], &keys);
    let url = &tenant.config.public_url;
    let mut services = vec![
        json!({ "id": format!("{id}#trqp"), "type": "TRQP", "serviceEndpoint": url }),
        json!({ "id": format!("{id}#charter"), "type": "CharterGrpc", "serviceEndpoint": url }),
    ];
    for (n, site) in (2..).zip(&tenant.config.sites) {
        services.push(json!({ "id": format!("{id}#trqp-{n}"), "type": "TRQP", "serviceEndpoint": site }));
        services.push(
            json!({ "id": format!("{id}#charter-{n}"), "type": "CharterGrpc", "serviceEndpoint": site }),
        );
    }
    if let Some(framework) = &tenant.config.governance_framework {
        let id = format!("{id}#governance");
        services.push(json!({ "id": id, "type": "GovernanceFramework", "serviceEndpoint": framework }));
    }
    document["service"] = services.into();
    Ok(document)
}

/// A document with these keys, each under a name.
pub fn document(id: &str, also: &[String], keys: &[(String, Value)]) -> Value {
    let named: Vec<String> =
        keys.iter().map(|(kid, _)| format!("{id}#{}", utf8_percent_encode(kid, FRAGMENT))).collect();
    let method = |((_, jwk), id_of): (&(String, Value), &String)| json!({ "id": id_of, "type": "JsonWebKey", "controller": id, "publicKeyJwk": jwk });
    let methods: Vec<Value> = keys.iter().zip(&named).map(method).collect();
    json!({
        "@context": CONTEXT,
        "id": id,
        "alsoKnownAs": also,
        "verificationMethod": methods,
        "assertionMethod": named,
    })
}

/// The document of an entity that has its DID under this registry's: the keys on record for it that are active now, and
/// those that other DIDs of it are (did:key, did:jwk). Of one that was revoked or has ended it is deactivated.
pub async fn hosted(app: &App, registry: RegistryId, name: &str) -> Result<Found, Error> {
    let tenant = app.tenant(registry)?;
    let did = format!("{}{name}", hosted_prefix(tenant));
    // More colons would be more segments of a path.
    if name.contains(':') || !matches!(Did::parse(&did).as_ref().map(Did::method), Ok(Method::Web(_))) {
        return Ok(Err(Fault::NotFound));
    }
    let Some(found) = app.store.entity(registry, &did).await? else { return Ok(Err(Fault::NotFound)) };
    let now = app.clock.now();
    let (state, _, _) = entity::status_of(&found, now);
    if matches!(state, State::Revoked | State::Ended) {
        return Ok(Err(Fault::Deactivated));
    }
    let history = app.store.keys(registry, Some(found.entity_id)).await?;
    let named = named_by(app, &found).await;
    let keys = in_use(&history, named, now);
    let others = found.identifiers.iter().map(|i| i.value.clone()).filter(|value| *value != did);
    Ok(Ok(document(&did, &others.collect::<Vec<_>>(), &keys)))
}

/// Keys on record that are active, and those named otherwise of which there is no record. One key may have several names:
/// once revoked under one, it is in use under none.
fn in_use(history: &[Key], named: Vec<(String, Value)>, now: Timestamp) -> Vec<(String, Value)> {
    let is_revoked = |jwk: &Value| history.iter().any(|k| k.revoked.is_some() && is_same_key(&k.jwk, jwk));
    let active = history.iter().filter(|k| k.state(now) == KeyState::Active && !is_revoked(&k.jwk));
    let mut keys: Vec<(String, Value)> = active.map(|k| (k.kid.clone(), k.jwk.clone())).collect();
    keys.extend(named.into_iter().filter(|(_, jwk)| history.iter().all(|k| !is_same_key(&k.jwk, jwk))));
    keys
}

/// Keys that identifiers of an entity are themselves, under their thumbprints.
async fn named_by(app: &App, found: &EntityView) -> Vec<(String, Value)> {
    let mut keys = Vec::new();
    for identifier in &found.identifiers {
        let Ok(did) = Did::parse(&identifier.value) else { continue };
        if !matches!(did.method(), Method::Key | Method::Jwk) {
            continue;
        }
        let Ok(document) = app.dids.resolve(&did, Options::default(), app.clock.now()).await else {
            continue;
        };
        let read = document.keys().filter_map(|key| PublicKey::from_jwk(&key.to_jwk()).ok());
        keys.extend(read.map(|key| (key.kid().to_owned(), key.to_jwk())));
    }
    keys
}

/// Resolves a DID (W3C DID Resolution, 4) on behalf of whoever asks this registry.
///
/// # Errors
/// Only of our own failures; what is wrong with the DID is in what is found.
pub async fn resolve(app: &App, registry: RegistryId, text: &str, options: Options) -> Result<Found, Error> {
    let did = match Did::parse(text) {
        Ok(did) => did,
        Err(fault) => return Ok(Err(fault)),
    };
    if let Some((here, name)) = served_here(app, text) {
        if options.version_time.is_some() {
            return Ok(Err(Fault::FeatureNotSupported("`versionTime` is answered for did:ebsi alone")));
        }
        if app.hosted.holds.get(here).is_some() {
            return Ok(Err(Fault::Unreachable));
        }
        return match name {
            Some(name) => hosted(app, here, name).await,
            None => own(app, here).await.map(Ok),
        };
    }
    let is_elsewhere = matches!(did.method(), Method::Web(_) | Method::Ebsi);
    if is_elsewhere && !may_fetch(app, registry, text).await? {
        return Ok(Err(Fault::FeatureNotSupported(
            "documents of others are fetched for entities that are registered here, and as the site allows it",
        )));
    }
    let found = app.dids.resolve(&did, options, app.clock.now()).await;
    Ok(found.map(|document| document.value.clone()))
}

/// The registry of this process that answers for a DID, and the name of the entity that has it, if it is one's.
fn served_here<'a>(app: &App, did: &'a str) -> Option<(RegistryId, Option<&'a str>)> {
    if let Some(registry) = app.hosted.by_authority(did) {
        return Some((registry, None));
    }
    let (authority, name) = did.rsplit_once(":e:")?;
    Some((app.hosted.by_authority(authority)?, Some(name)))
}

/// A fetch is a request of ours to whoever a stranger names, so it takes a reason.
async fn may_fetch(app: &App, registry: RegistryId, did: &str) -> Result<bool, Error> {
    match app.config.dids.resolve {
        Fetching::Off => Ok(false),
        Fetching::Any => Ok(true),
        Fetching::Known => Ok(app.store.taken(registry, vec![did.to_owned()]).await?.contains(did)),
    }
}

#[cfg(test)]
mod tests {
    use charter_domain::key::{Revocation, RevocationReason};

    use super::*;

    #[test]
    fn a_key_that_was_revoked_is_in_no_document_under_any_name() {
        let at = Timestamp::from_secs;
        let jwk = |x: &str| json!({ "kty": "OKP", "crv": "Ed25519", "x": x });
        let key = |kid: &str, x: &str| Key {
            kid: kid.to_owned(),
            jwk: jwk(x),
            added_at: at(1),
            from: at(1),
            until: None,
            revoked: None,
        };
        let revocation =
            Revocation { at: at(2), reason: RevocationReason::Superseded, compromised_since: None };
        let revoked = Key { revoked: Some(revocation), ..key("old", "A") };
        let retired = Key { until: Some(at(2)), ..key("retired", "C") };
        let history = [revoked, key("again", "A"), key("own", "B"), retired];
        let named = ["A", "B", "C", "D"].map(|x| (format!("did:{x}"), jwk(x)));
        let found = in_use(&history, named.to_vec(), at(9));
        let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["own", "did:D"]);
    }
}
