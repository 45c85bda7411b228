//! Events of schemas and of the credential types that they describe.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Resource;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaPublished {
    /// The resource that the schema describes.
    pub resource: Resource,
    pub uri: String,
    /// Of the exact content.
    pub sha256: String,
    pub schema: Value,
    /// SHA-256 of the content without annotations; absent in events from before there were ids.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// What its references outside itself stand for, for good: URI to `sha256`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub references: BTreeMap<String, String>,
}

/// A revision is not to be used for anything new. Documents are still validated against it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaDeprecated {
    pub resource: Resource,
    pub revision: u32,
    /// Code, UPPER_SNAKE.
    pub reason: String,
    /// The id of the schema to use instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced_by: Option<String>,
}

/// What a resource is called elsewhere. Replaces what was defined for the resource before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialTypeDefined {
    pub resource: Resource,
    /// In a verifiable credential's `type`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vc_type: Option<Resource>,
    /// In an SD-JWT VC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vct: Option<Resource>,
    /// In an mdoc (ISO/IEC 18013-5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doc_type: Option<Resource>,
    /// Id of a schema published here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_id: Option<Resource>,
    /// Further identifiers that mean the same.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub equivalents: BTreeSet<Resource>,
}

impl CredentialTypeDefined {
    /// Everything that stands for the resource, with the form in which it does.
    pub fn identifiers(&self) -> impl Iterator<Item = (&'static str, &Resource)> {
        let forms = [
            ("vc_type", &self.vc_type),
            ("vct", &self.vct),
            ("doc_type", &self.doc_type),
            ("schema", &self.schema_id),
        ];
        let forms = forms.into_iter().filter_map(|(form, value)| Some((form, value.as_ref()?)));
        let all = forms.chain(self.equivalents.iter().map(|value| ("equivalent", value)));
        all.filter(|(_, value)| **value != self.resource)
    }
}
