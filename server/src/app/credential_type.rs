//! Typed credential types: what a resource is called in other formats, so that a question under any of those names is
//! answered as one about the resource.

use std::collections::BTreeSet;

use charter_domain::{Invalid, RegistryId, Resource, event::CredentialTypeDefined, policy::Refusal};
use charter_store::{
    Tx,
    find::CredentialTypes,
    schemas::{TypeView, Which},
};

use crate::{App, Error, app::govern::wish::DefineCredentialType};

const MAX_EQUIVALENTS: usize = 50;

pub fn defined(w: &DefineCredentialType) -> Result<CredentialTypeDefined, Invalid> {
    if w.equivalents.len() > MAX_EQUIVALENTS {
        return Err(Invalid::new("equivalents", format!("must be at most {MAX_EQUIVALENTS}")));
    }
    let form = |name: &str, text: &str| match text {
        "" => Ok(None),
        text => Resource::parse(text).map(Some).map_err(|e| e.at(name)),
    };
    let each = |text: &String| Resource::parse(text).map_err(|e| e.at("equivalents"));
    let defined = CredentialTypeDefined {
        resource: Resource::parse(&w.resource)?,
        vc_type: form("vc_type", &w.vc_type)?,
        vct: form("vct", &w.vct)?,
        doc_type: form("doc_type", &w.doc_type)?,
        schema_id: form("schema_id", &w.schema_id)?,
        equivalents: w.equivalents.iter().map(each).collect::<Result<BTreeSet<_>, _>>()?,
    };
    if defined.equivalents.contains(&defined.resource) {
        return Err(Invalid::new("equivalents", "must not name the resource itself"));
    }
    Ok(defined)
}

/// A resource that may have records: one that stands for another may not, since they would never be found.
pub fn free(value: &str, stands_for: Option<String>) -> Result<(), Refusal> {
    match stands_for {
        Some(resource) => Err(Refusal::Illegal(format!("`{value}` stands for `{resource}`: name that one"))),
        None => Ok(()),
    }
}

/// What is recorded about a definition's names.
struct Held {
    /// What the resource itself stands for.
    resource: Option<String>,
    /// Each identifier, what it stands for, and whether it has records of its own.
    identifiers: Vec<(String, Option<String>, bool)>,
    /// Whether the schema that it names is published here.
    schema: bool,
}

fn permitted(t: &CredentialTypeDefined, held: Held) -> Result<(), Refusal> {
    free(t.resource.as_str(), held.resource)?;
    for (value, stands_for, has_records) in held.identifiers {
        if has_records {
            return Err(Refusal::Illegal(format!("`{value}` has records of its own")));
        }
        free(&value, stands_for.filter(|r| r != t.resource.as_str()))?;
    }
    if held.schema {
        Ok(())
    } else {
        Err(Refusal::Illegal("`schema_id` is no schema published here".to_owned()))
    }
}

fn values(t: &CredentialTypeDefined) -> BTreeSet<String> {
    t.identifiers().map(|(_, value)| value.to_string()).collect()
}

pub async fn may_define(app: &App, registry: RegistryId, t: &CredentialTypeDefined) -> Result<(), Error> {
    let store = &app.store;
    let mut identifiers = Vec::new();
    for value in values(t) {
        let stands_for = store.stands_for(registry, value.clone()).await?;
        let has_records = store.is_resource(registry, value.clone()).await?;
        identifiers.push((value, stands_for, has_records));
    }
    let schema = match &t.schema_id {
        Some(id) => store.schema(registry, Which::Content(id.to_string())).await?.is_some(),
        None => true,
    };
    let resource = store.stands_for(registry, t.resource.to_string()).await?;
    Ok(permitted(t, Held { resource, identifiers, schema })?)
}

/// The same under the registry's lock, when it is executed.
pub fn locked(tx: &mut Tx<'_>, t: &CredentialTypeDefined) -> Result<(), charter_store::Error> {
    let mut identifiers = Vec::new();
    for value in values(t) {
        let (stands_for, has_records) = (tx.stands_for(&value)?, tx.is_resource(&value)?);
        identifiers.push((value, stands_for, has_records));
    }
    let resource = tx.stands_for(t.resource.as_str())?;
    Ok(permitted(t, Held { resource, identifiers, schema: true })?)
}

/// The type of a resource, or of whatever stands for it.
pub async fn get(app: &App, registry: RegistryId, name: &str) -> Result<TypeView, Error> {
    let name = Resource::parse(name)?.to_string();
    let resource = app.store.stands_for(registry, name.clone()).await?.unwrap_or_else(|| name.clone());
    let find = CredentialTypes { resource: Some(resource), ..Default::default() };
    let found = app.store.find_credential_types(registry, find, (0, 1)).await?;
    found.into_iter().next().ok_or_else(|| Error::not_found("credential type", name))
}
