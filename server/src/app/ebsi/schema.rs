//! Schemas as EBSI's registry shows them: those published here that refer to no other, and the one of accreditations.
//!
//! The id is SHA-256 of the canonical schema without annotations, which is the id that it has here; a revision is one of
//! the forms that have this id, and its id is SHA-256 of its bytes.

use std::sync::LazyLock;

use charter_domain::{RegistryId, base58, json, schema};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Fault, Listed, Page};
use crate::App;

/// What every accreditation names as its schema.
const ACCREDITATION: &str = include_str!("../../../../schemas/ebsi-accreditation.schema.json");

static OWN: LazyLock<Result<Form, String>> = LazyLock::new(|| {
    let schema: Value = serde_json::from_str(ACCREDITATION).map_err(|e| e.to_string())?;
    let id = schema::id(&schema).map_err(|e| e.to_string())?;
    form(id, &schema, json!({ "resource": "VerifiableAccreditation" })).map_err(|e| e.to_string())
});

/// One form of a schema.
#[derive(Debug, Clone)]
pub struct Form {
    /// 64 digits in hex, without annotations.
    pub id: String,
    /// The same of the bytes.
    pub sha256: String,
    /// RFC 8785.
    pub bytes: Vec<u8>,
    /// What is known of it besides.
    pub metadata: Value,
}

fn form(id: String, schema: &Value, metadata: Value) -> Result<Form, charter_domain::Invalid> {
    let bytes = json::canonical(schema)?;
    Ok(Form { id, sha256: hex(&bytes), bytes, metadata })
}

fn hex(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

impl Form {
    pub fn metadata_id(&self) -> String {
        hex(format!("{}{}", self.sha256, self.metadata).as_bytes())
    }
}

/// The schema of accreditations, as they name it.
pub(super) fn own_id() -> Result<String, String> {
    OWN.as_ref().map(|form| format!("0x{}", form.id)).map_err(Clone::clone)
}

fn own() -> Option<&'static Form> {
    OWN.as_ref().ok()
}

/// An id in either of its two forms, `0x` and hex, or multibase base58btc, as 64 digits; `None` of what is neither.
fn digits(id: &str) -> Option<String> {
    if let Some(hex) = id.strip_prefix("0x") {
        let good = (2..=128).contains(&hex.len()) && hex.bytes().all(|b| b.is_ascii_hexdigit());
        return good.then(|| hex.to_ascii_lowercase());
    }
    let bytes = id.strip_prefix('z').filter(|text| text.len() <= 64).and_then(base58::decode)?;
    (bytes.len() == 32).then(|| bytes.iter().map(|b| format!("{b:02x}")).collect())
}

/// Ids, with `0x`: the schema of accreditations, then those published, in that order.
pub async fn list(app: &App, registry: RegistryId, page: Page) -> Result<Listed, Fault> {
    app.tenant(registry)?;
    let mut items: Vec<String> = page.of(own().into_iter().map(|form| form.id.clone()));
    let built_in = own().into_iter().count();
    let bounds = (page.size() - items.len(), page.before().saturating_sub(built_in));
    let bounds = (i64::try_from(bounds.0).unwrap_or(0), i64::try_from(bounds.1).unwrap_or(i64::MAX));
    let found = app.store.ebsi_schemas(registry, bounds).await?;
    items.extend(found.items);
    let items = items.into_iter().map(|id| format!("0x{id}")).collect();
    Ok(Listed { total: built_in + usize::try_from(found.total).unwrap_or(0), items })
}

/// All forms that have an id, oldest first; at least one.
pub async fn forms(app: &App, registry: RegistryId, asked: &str) -> Result<Vec<Form>, Fault> {
    let id = digits(asked).ok_or(Fault::SchemaId)?;
    if let Some(form) = own().filter(|form| form.id == id) {
        return Ok(vec![form.clone()]);
    }
    let mut forms: Vec<Form> = Vec::new();
    for found in app.store.ebsi_schema(registry, &id).await? {
        let metadata = json!({
            "resource": found.resource, "revision": found.revision, "publishedAt": found.published_at(),
            "deprecated": found.deprecated.is_some(),
        });
        // The same bytes under two names are one revision.
        forms.retain(|form| form.sha256 != found.sha256);
        forms.push(form(found.id.clone(), &found.schema, metadata)?);
    }
    if forms.is_empty() { Err(Fault::Schema(asked.to_owned())) } else { Ok(forms) }
}

/// The one that counts: published last.
pub async fn newest(app: &App, registry: RegistryId, asked: &str) -> Result<Form, Fault> {
    let mut forms = forms(app, registry, asked).await?;
    forms.pop().ok_or_else(|| Fault::Schema(asked.to_owned()))
}

/// One form by the hash of its bytes.
pub async fn revision(app: &App, registry: RegistryId, asked: &str, revision: &str) -> Result<Form, Fault> {
    // The ids are looked at before anything is looked up, the schema's first.
    digits(asked).ok_or(Fault::SchemaId)?;
    let hex = revision.strip_prefix("0x").filter(|hex| hex.len() == 64);
    let hex = hex.filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit())).ok_or(Fault::RevisionId)?;
    let found = forms(app, registry, asked).await?.into_iter();
    let mut found = found.filter(|form| form.sha256.eq_ignore_ascii_case(hex));
    found.next().ok_or_else(|| Fault::SchemaRevision(revision.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_of_accreditations_has_an_id_and_needs_no_other() {
        let own = OWN.as_ref().expect("a schema");
        assert_eq!((own.id.len(), own_id().expect("an id")), (64, format!("0x{}", own.id)));
        assert_ne!(own.id, own.sha256, "it has annotations, which the id leaves out");
        let value: Value = serde_json::from_slice(&own.bytes).expect("JSON");
        let outside = schema::graph::outside(&value, "https://a.example/schema").expect("a schema");
        assert!(outside.is_empty(), "{outside:?}");
    }

    #[test]
    fn ids_have_two_forms() {
        let hex = format!("{:x}", Sha256::digest("a schema"));
        let raw: [u8; 32] = Sha256::digest("a schema").into();
        assert_eq!(digits(&format!("0x{}", hex.to_uppercase())), Some(hex.clone()));
        assert_eq!(digits(&format!("z{}", base58::encode(&raw))), Some(hex.clone()));
        for bad in
            ["", "0x", "0xg1", "z", "z0", "no-schema", &hex, &format!("z{}", base58::encode(&raw[1..]))]
        {
            assert_eq!(digits(bad), None, "{bad}");
        }
    }
}
