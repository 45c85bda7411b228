//! The DID Registry, v5, for the one DID that is ours: that of the registry's authority.

use axum::{Extension, body::Body, extract::State, http::Uri, response::Response};
use bytes::Bytes;
use charter_domain::Timestamp;
use serde_json::{Value, json};

use super::{Read, Shown, page};
use crate::{
    app::ebsi::{self, DIDR, Fault, Listed},
    rest::{query, well_known},
};

const DID_DOCUMENT: &str = "application/did+ld+json";
const RELATIONS: [&str; 2] = ["assertionMethod", "authentication"];

/// `GET /identifiers?controller=`: items `{did, href}`.
pub async fn list(read: Read) -> Response<Body> {
    let found = read.within(async {
        let ([controller], page) = page::parameters(&read.uri, ["controller"])?;
        let did = ebsi::own_did(&read.app, read.here.registry)?.as_str();
        let ours = controller.is_empty() || controller == did;
        let url = format!("{}{DIDR}/identifiers", read.base()?);
        let all = ours.then(|| json!({ "did": did, "href": format!("{url}/{did}") }));
        let list = Listed { total: usize::from(ours), items: Vec::new() };
        let more = if controller.is_empty() { String::new() } else { format!("&controller={did}") };
        Ok(page::envelope(&url, if ours { &more } else { "" }, page, &list, page.of(all.into_iter())))
    });
    read.answer(found.await)
}

/// `GET /identifiers/{did}?valid-at=`: the bare document, with the keys of that instant.
pub async fn one(read: Read) -> Response<Body> {
    let found = read.within(async {
        let at = instant(&read.uri)?;
        let did = read.segment(1)?;
        if !ebsi::is_issuer(&did) {
            return Err(Fault::Did);
        }
        if ebsi::own_did(&read.app, read.here.registry)?.as_str() != did {
            return Err(Fault::Identifier(did));
        }
        let axum::Json(mut document) =
            well_known::did(State(std::sync::Arc::clone(&read.app)), Extension(read.here)).await?;
        if let Some(at) = at {
            then(&read, &mut document, &did, at).await?;
        }
        let body = Bytes::from(document.to_string());
        Ok(Shown { kind: DID_DOCUMENT, body, etag: None })
    });
    read.answer(found.await)
}

fn instant(uri: &Uri) -> Result<Option<Timestamp>, Fault> {
    let [at] = query::parameters(uri, ["valid-at"])?;
    if at.is_empty() {
        return Ok(None);
    }
    Timestamp::parse(&at).map(Some).map_err(|_| Fault::Instant)
}

/// Puts the keys of an instant into the document: those that were known and good then, and were not revoked since.
async fn then(read: &Read, document: &mut Value, did: &str, at: Timestamp) -> Result<(), Fault> {
    let tenant = read.app.tenant(read.here.registry)?;
    let ring = tenant.fresh_ring(&read.app.store).await?;
    let keys = ring.listed_at(at);
    let name = |kid: &str| format!("{did}#{kid}");
    let methods = keys.iter().map(|key| {
        json!({ "id": name(key.kid()), "type": "JsonWebKey", "controller": did, "publicKeyJwk": key.to_jwk() })
    });
    document["verificationMethod"] = methods.collect();
    for relation in RELATIONS {
        if let Some(named) = document.get_mut(relation) {
            *named = keys.iter().map(|key| Value::from(name(key.kid()))).collect();
        }
    }
    Ok(())
}
