//! The DID Registry, v5: the DID of the registry's authority, and those of its subordinates with the keys that it states.

use axum::{body::Body, response::Response};
use bytes::Bytes;
use charter_domain::Timestamp;
use serde_json::{Value, json};

use super::{Read, Shown, page};
use crate::{
    app::ebsi::{self, DIDR, Fault, Listed},
    rest::query,
};

const DID_DOCUMENT: &str = "application/did+ld+json";

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
        let items: Vec<Value> = shown.items.iter().map(item).collect();
        Ok(page::envelope(&url, more, page, &shown, &items))
    });
    read.answer(found.await)
}

/// `GET /identifiers/{did}?valid-at=`: the bare document, with the keys of that instant.
pub async fn one(read: Read) -> Response<Body> {
    let found = read.within(async {
        let [at] = query::parameters(&read.uri, ["valid-at"])?;
        let at = match at.as_str() {
            "" => None,
            text => Some(Timestamp::parse(text).map_err(|_| Fault::Instant)?),
        };
        let document = ebsi::document(&read.app, read.here.registry, &read.segment(1)?, at).await?;
        Ok(Shown { kind: DID_DOCUMENT, body: Bytes::from(document.to_string()), etag: None })
    });
    read.answer(found.await)
}
