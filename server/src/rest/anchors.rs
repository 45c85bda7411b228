//! The anchor set: the versions that are published here, else the registry's own keys as a list without signatures.

use std::sync::Arc;

use axum::{
    Extension,
    body::Body,
    extract::State,
    http::{HeaderMap, Uri},
    response::Response,
};
use charter_proof::{Anchor, AnchorSet};

use super::{
    log::{FOREVER, bytes, tagged, unkept},
    query,
};
use crate::{App, Error, anchors::Published, door::Here, error::Code, hosted::Tenant};

const JSON: &str = "application/json";
/// A cache asks again each time: who has the newest version gets 304.
const ASK: &str = "no-cache";
/// What is at the end of a path of one version.
const PREFIX: &str = "/.well-known/trust-anchors/";

/// `GET /.well-known/trust-anchors[?version=N]`: the newest version or one of them; where none are published, this
/// registry's own keys, if it has no superior.
pub async fn newest(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response<Body>, Error> {
    let [version] = query::parameters(&uri, ["version"])?;
    let tenant = app.tenant(here.registry)?;
    match (&tenant.anchors, version.as_str()) {
        (Some(published), "") => {
            let file = published.newest().await.ok_or_else(|| Error::not_found("version", 1))?;
            Ok(tagged(&headers, (JSON, ASK), file))
        }
        (Some(published), version) => Ok(numbered(published, version).await),
        (None, "") => own(&app, tenant).await.map(|text| bytes(JSON, ASK, text)),
        (None, _) => Err(unpublished()),
    }
}

/// `GET /.well-known/trust-anchors/<N>`
pub async fn version(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    uri: Uri,
) -> Result<Response<Body>, Error> {
    let [] = query::parameters(&uri, [])?;
    let published = app.tenant(here.registry)?.anchors.as_ref().ok_or_else(unpublished)?;
    Ok(numbered(published, uri.path().strip_prefix(PREFIX).unwrap_or_default()).await)
}

fn unpublished() -> Error {
    Error::new(Code::NotFound, "this registry publishes no versions of an anchor set")
}

/// A version has one name and never changes; one that is not there now may be there soon.
async fn numbered(published: &Published, text: &str) -> Response<Body> {
    let number = text.parse::<u32>().ok().filter(|n| n.to_string() == text);
    let file = match number.map(|n| (n, published.file(n))) {
        // It may have been put there since the last time that somebody asked for the newest.
        Some((n, None)) => {
            published.newest().await;
            published.file(n)
        }
        found => found.and_then(|(_, file)| file),
    };
    let missing = || unkept(Error::not_found("version", text.chars().take(20).collect::<String>()));
    file.map_or_else(missing, |file| bytes(JSON, FOREVER, file))
}

/// The list with this registry's own keys, where it has no superior: what `--anchor` takes.
async fn own(app: &App, tenant: &Tenant) -> Result<String, Error> {
    if let Some(root) = tenant.above().hints.first() {
        let text = format!("this registry is no anchor; ask its superior `{root}`");
        return Err(Error::new(Code::NotFound, text));
    }
    let anchor = Anchor {
        authority_id: tenant.registry.authority.clone(),
        entity_id: tenant.registry.entity_identifier.clone(),
        jwks: app.hosted.keys(tenant.registry.id).await?,
    };
    AnchorSet::new(vec![anchor], None).and_then(|set| set.to_json()).map_err(|e| {
        tracing::error!(error = %e, "the anchor set cannot be made");
        Error::new(Code::Internal, "an error of ours; it was logged")
    })
}
