//! Schemas of credential types.

use charter_domain::{
    Invalid, RegistryId, Resource,
    event::{Change, SchemaPublished},
    json,
    policy::Caller,
};
use sha2::{Digest, Sha256};

use crate::{App, Error, app::import::permit_load};

pub async fn put(
    app: &App,
    caller: &Caller,
    registry: RegistryId,
    (resource, uri, text): (Resource, String, String),
) -> Result<(String, i64), Error> {
    let permit = permit_load(app, caller, registry).await?;
    let published = published(resource, uri, &text)?;
    let sha256 = published.sha256.clone();
    let written = app
        .store
        .write("schema.put", registry, move |tx| {
            tx.record(&permit, &[Change::SchemaPublished(published.clone())]).map(drop)
        })
        .await?;
    app.changed(registry, written.epoch).await?;
    Ok((sha256, written.epoch))
}

/// The event that a schema is: parsed strictly, addressed by the SHA-256 of its canonical bytes.
pub fn published(resource: Resource, uri: String, text: &str) -> Result<SchemaPublished, Invalid> {
    let schema = json::parse_strict(text).map_err(|e| e.at("schema_json"))?;
    if !schema.is_object() {
        return Err(Invalid::new("schema_json", "must be a JSON object"));
    }
    let sha256 = format!("{:x}", Sha256::digest(json::canonical(&schema)?));
    Ok(SchemaPublished { resource, uri, sha256, schema })
}
