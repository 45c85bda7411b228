//! Schemas of credential types: published in revisions, deprecated, and documents validated against them.

use std::collections::BTreeMap;

use charter_domain::{
    Invalid, RegistryId, Resource,
    event::{Change, SchemaDeprecated, SchemaPublished},
    policy::{Caller, Refusal},
    schema::{self, graph},
};
use charter_store::{
    Tx,
    request::Call,
    schemas::{SchemaView, Which},
};
use serde_json::Value;

use crate::{
    App, Error,
    app::{
        govern::wish::{DeprecateSchema, RawSchema},
        import::permit_load,
        once::{Asked, once, principal},
    },
};

mod work;

pub use self::work::Fault;

pub async fn put(
    app: &App,
    caller: &Caller,
    registry: RegistryId,
    raw: RawSchema,
    asked: &Asked,
) -> Result<(String, i64), Error> {
    let call = asked.call(principal(caller)?, "PutSchema", &raw)?;
    let fresh = put_one(app, caller, registry, raw, (asked.validate_only, call.clone()));
    let (sha256, epoch) = once(app, registry, call.as_ref(), fresh).await?;
    if epoch > 0 {
        app.changed(registry, epoch).await?;
    }
    Ok((sha256, epoch))
}

async fn put_one(
    app: &App,
    caller: &Caller,
    registry: RegistryId,
    raw: RawSchema,
    (only_try, call): (bool, Option<Call>),
) -> Result<(String, i64), Error> {
    let permit = permit_load(app, caller, registry).await?;
    let published = published(app, registry, &raw).await?;
    let written = app
        .store
        .write_or_try("schema.put", registry, only_try, move |tx| {
            tx.record(&permit, &[Change::SchemaPublished(published.clone())])?;
            let done = (published.sha256.clone(), if only_try { 0 } else { tx.epoch });
            tx.keep(call.as_ref(), &done)?;
            Ok(done)
        })
        .await?;
    Ok(written.value)
}

/// The event that a schema is: parsed strictly, whole, compiled once, addressed by its content.
pub async fn published(app: &App, registry: RegistryId, raw: &RawSchema) -> Result<SchemaPublished, Error> {
    let resource = Resource::parse(&raw.resource)?;
    let schema = schema::parse(&raw.schema_json)?;
    let uri = uri(&raw.uri, &schema)?;
    let mut references = BTreeMap::new();
    let mut others = BTreeMap::new();
    for other in graph::outside(&schema, &uri)? {
        let Some(found) = app.store.schema(registry, Which::Uri(other.clone())).await? else { continue };
        for (uri, hash) in found.references.iter().chain([(&other, &found.sha256)]) {
            if references.insert(uri.clone(), hash.clone()).is_some_and(|before| before != *hash) {
                let text = format!("refers to two revisions of `{uri:.200}`");
                return Err(Invalid::new("schema_json", text).into());
            }
        }
    }
    load(app, registry, &references, &mut others).await?;
    graph::check(&schema, &uri, &others)?;
    work::compile(uri.clone(), schema.clone(), others).await?;
    Ok(SchemaPublished {
        resource,
        uri,
        sha256: schema::sha256(&schema)?,
        id: schema::id(&schema)?,
        references,
        schema,
    })
}

/// Under what name others refer to it: its `$id`, if it has one.
fn uri(given: &str, schema: &Value) -> Result<String, Invalid> {
    let own = schema.get("$id").and_then(Value::as_str).unwrap_or_default();
    let uri = if given.is_empty() { own } else { given };
    if !own.is_empty() && own != uri {
        return Err(Invalid::new("uri", "must be the schema's `$id`, or be left out"));
    }
    let url = uri.split_once(':').is_some_and(|(scheme, rest)| !scheme.is_empty() && !rest.is_empty());
    if !url || uri.contains('#') || Resource::parse(uri).is_err() {
        return Err(Invalid::new("uri", "must be an absolute URI without fragment"));
    }
    Ok(uri.to_owned())
}

async fn load(
    app: &App,
    registry: RegistryId,
    references: &BTreeMap<String, String>,
    others: &mut BTreeMap<String, Value>,
) -> Result<(), Error> {
    for (uri, sha256) in references {
        let found = app.store.schema(registry, Which::Content(sha256.clone())).await?;
        let found = found.ok_or_else(|| Error::not_found("schema", sha256))?;
        others.insert(uri.clone(), found.schema);
    }
    Ok(())
}

pub fn deprecated(w: DeprecateSchema) -> Result<SchemaDeprecated, Invalid> {
    let hex = |t: &str| t.len() == 64 && t.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if !w.replaced_by.is_empty() && !hex(&w.replaced_by) {
        return Err(Invalid::new("replaced_by", "must be the id of a schema: 64 hexadecimal digits"));
    }
    Ok(SchemaDeprecated {
        resource: Resource::parse(&w.resource)?,
        revision: w.revision,
        reason: super::status::code(&w.code)?,
        replaced_by: Some(w.replaced_by).filter(|r| !r.is_empty()),
    })
}

fn standing(d: &SchemaDeprecated, found: Option<&SchemaView>) -> Result<(), Refusal> {
    let illegal = |text: String| Err(Refusal::Illegal(text));
    match found {
        None => illegal(format!("`{}` has no revision {}", d.resource, d.revision)),
        Some(s) if s.deprecated.is_some() => illegal("it is deprecated already".to_owned()),
        Some(s) if d.replaced_by.as_ref() == Some(&s.id) => illegal("it cannot replace itself".to_owned()),
        Some(_) => Ok(()),
    }
}

pub async fn may_deprecate(app: &App, registry: RegistryId, d: &SchemaDeprecated) -> Result<(), Error> {
    if let Some(id) = &d.replaced_by {
        find(app, registry, Which::Content(id.clone())).await?;
    }
    let which = Which::Revision(d.resource.to_string(), d.revision);
    Ok(standing(d, app.store.schema(registry, which).await?.as_ref())?)
}

/// The same under the registry's lock, when it is executed.
pub fn locked(tx: &mut Tx<'_>, d: &SchemaDeprecated) -> Result<(), charter_store::Error> {
    let found = tx.schema(&Which::Revision(d.resource.to_string(), d.revision))?;
    Ok(standing(d, found.as_ref())?)
}

/// As a caller names a schema: by id, else by resource and revision, where 0 is the latest.
pub fn which(schema_id: &str, resource: &str, revision: u32) -> Result<Which, Invalid> {
    match (schema_id, resource, revision) {
        ("", "", _) => Err(Invalid::new("resource", "must name a schema, or `schema_id` must")),
        ("", resource, 0) => Ok(Which::Latest(resource.to_owned())),
        ("", resource, revision) => Ok(Which::Revision(resource.to_owned(), revision)),
        (id, "", 0) => Ok(Which::Content(id.to_owned())),
        _ => Err(Invalid::new("schema_id", "must stand alone, without `resource` and `revision`")),
    }
}

/// The same from one word: an id, a resource, or `resource@revision`.
pub fn named(word: &str) -> Which {
    if word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Which::Content(word.to_ascii_lowercase());
    }
    let revision = word.rsplit_once('@').and_then(|(r, n)| Some((r, n.parse::<u32>().ok()?)));
    match revision.filter(|(resource, n)| !resource.is_empty() && *n > 0) {
        Some((resource, revision)) => Which::Revision(resource.to_owned(), revision),
        None => Which::Latest(word.to_owned()),
    }
}

pub async fn find(app: &App, registry: RegistryId, which: Which) -> Result<SchemaView, Error> {
    let name = match &which {
        Which::Content(name) | Which::Latest(name) | Which::Uri(name) => name.clone(),
        Which::Revision(resource, revision) => format!("{resource}@{revision}"),
    };
    let found = app.store.schema(registry, which).await?;
    found.ok_or_else(|| Error::not_found("schema", name))
}

/// What is wrong with a document, and the schema that says so; nothing: it is valid.
pub async fn validate(
    app: &App,
    registry: RegistryId,
    which: Which,
    document: &str,
) -> Result<(SchemaView, Vec<Fault>), Error> {
    let document = work::document(document)?;
    let found = find(app, registry, which).await?;
    let mut others = BTreeMap::new();
    load(app, registry, &found.references, &mut others).await?;
    let faults = work::validate(found.uri.clone(), found.schema.clone(), others, document).await?;
    Ok((found, faults))
}
