//! The DID Registry, v5: the DID of the registry's authority, and those of its subordinates with the keys that it states.

use axum::{Extension, Json, body::Body, extract::State, response::Response};
use bytes::Bytes;
use charter_domain::Timestamp;
use charter_signing::PublicKey;
use serde_json::{Value, json};

use super::{Read, Shown, page};
use crate::{
    app::ebsi::{self, DIDR, Fault, Listed},
    rest::{query, well_known},
};

const DID_DOCUMENT: &str = "application/did+ld+json";
const RELATIONS: [&str; 2] = ["assertionMethod", "authentication"];

/// `GET /identifiers?controller=`: items `{did, href}`. Each DID is its own controller.
pub async fn list(read: Read) -> Response<Body> {
    let found = read.within(async {
        let ([controller], page) = page::parameters(&read.uri, ["controller"])?;
        let mut all = ebsi::authorities(&read.app, read.here.registry).await?;
        all.retain(|did| controller.is_empty() || *did == controller);
        // What fits none is not repeated.
        let more =
            if controller.is_empty() || all.is_empty() { "" } else { &format!("&controller={controller}") };
        let url = format!("{}{DIDR}/identifiers", read.base()?);
        let shown = Listed { total: all.len(), items: page.of(all.into_iter()) };
        let item = |did: &String| json!({ "did": did, "href": format!("{url}/{did}") });
        let items = shown.items.iter().map(item).collect();
        Ok(page::envelope(&url, more, page, &shown, items))
    });
    read.answer(found.await)
}

/// `GET /identifiers/{did}?valid-at=`: the bare document, with the keys of that instant.
pub async fn one(read: Read) -> Response<Body> {
    let found = read.within(async {
        let [at] = query::parameters(&read.uri, ["valid-at"])?;
        let (did, registry) = (read.segment(1)?, read.here.registry);
        let now = read.app.clock.now();
        let at = if at.is_empty() { now } else { Timestamp::parse(&at).map_err(|_| Fault::Instant)? };
        let keys = ebsi::keys(&read.app, registry, &did, at).await?;
        let own = ebsi::own_did(&read.app, registry)?.as_str() == did;
        let document = if own { document(&read, &did, &keys).await? } else { stated(&did, &keys) };
        Ok(Shown { kind: DID_DOCUMENT, body: Bytes::from(document.to_string()), etag: None })
    });
    read.answer(found.await)
}

fn methods(did: &str, keys: &[PublicKey]) -> Value {
    let method = |key: &PublicKey| {
        json!({
            "id": format!("{did}#{}", key.kid()), "type": "JsonWebKey", "controller": did,
            "publicKeyJwk": key.to_jwk(),
        })
    };
    keys.iter().map(method).collect()
}

fn named(did: &str, keys: &[PublicKey]) -> Value {
    keys.iter().map(|key| Value::from(format!("{did}#{}", key.kid()))).collect()
}

/// The document that the authority serves, with these keys.
async fn document(read: &Read, did: &str, keys: &[PublicKey]) -> Result<Value, Fault> {
    let app = State(std::sync::Arc::clone(&read.app));
    let Json(mut document) = well_known::did(app, Extension(read.here)).await?;
    document["verificationMethod"] = methods(did, keys);
    for relation in RELATIONS {
        if let Some(held) = document.get_mut(relation) {
            *held = named(did, keys);
        }
    }
    Ok(document)
}

/// What is known of a subordinate: its keys.
fn stated(did: &str, keys: &[PublicKey]) -> Value {
    json!({
        "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/jwk/v1"],
        "id": did,
        "verificationMethod": methods(did, keys),
        "assertionMethod": named(did, keys),
    })
}
