//! Schemas and credential types as they are shown. The JSON form is the API's.

use std::collections::BTreeMap;

use charter_proto::charter::registry::v1 as pb;
use serde::Serialize;
use serde_json::Value;

use crate::output;

#[derive(Serialize)]
pub struct View {
    resource: String,
    revision: u32,
    schema_id: String,
    sha256: String,
    uri: String,
    published_at: Option<String>,
    deprecation: Option<Deprecation>,
    references: BTreeMap<String, String>,
    schema: Value,
}

#[derive(Serialize)]
struct Deprecation {
    code: String,
    replaced_by: String,
    at: Option<String>,
}

impl From<pb::Schema> for View {
    fn from(s: pb::Schema) -> Self {
        let deprecation = |d: pb::SchemaDeprecation| Deprecation {
            code: d.code,
            replaced_by: d.replaced_by,
            at: output::time(d.at),
        };
        Self {
            resource: s.resource,
            revision: s.revision,
            schema_id: s.schema_id,
            sha256: s.sha256,
            uri: s.uri,
            published_at: output::time(s.published_at),
            deprecation: s.deprecation.map(deprecation),
            references: s.references.into_iter().collect(),
            schema: serde_json::from_str(&s.schema_json).unwrap_or(Value::String(s.schema_json)),
        }
    }
}

impl View {
    pub const HEADINGS: [&'static str; 5] = ["RESOURCE", "REVISION", "ID", "PUBLISHED", "DEPRECATED"];

    pub fn row(&self) -> Vec<String> {
        vec![
            self.resource.clone(),
            self.revision.to_string(),
            self.schema_id.clone(),
            self.published_at.clone().unwrap_or_default(),
            self.deprecation.as_ref().map(|d| d.code.clone()).unwrap_or_default(),
        ]
    }

    pub fn text(&self) -> String {
        let deprecated = self.deprecation.as_ref().map(|d| {
            let instead =
                if d.replaced_by.is_empty() { String::new() } else { format!(", use {}", d.replaced_by) };
            format!("{}{instead}", d.code)
        });
        let fields = output::fields([
            ("schema", format!("{}, revision {}", self.resource, self.revision)),
            ("id", self.schema_id.clone()),
            ("content", self.sha256.clone()),
            ("uri", self.uri.clone()),
            ("published", self.published_at.clone().unwrap_or_default()),
            ("deprecated", deprecated.unwrap_or_default()),
        ]);
        let schema = serde_json::to_string_pretty(&self.schema).unwrap_or_default();
        let lines: Vec<_> = schema.lines().map(output::clean).collect();
        format!("{fields}\n\n{}", lines.join("\n"))
    }
}

#[derive(Serialize)]
pub struct TypeView {
    resource: String,
    vc_type: String,
    vct: String,
    doc_type: String,
    schema_id: String,
    equivalents: Vec<String>,
    defined_at: Option<String>,
}

impl From<pb::CredentialType> for TypeView {
    fn from(t: pb::CredentialType) -> Self {
        Self {
            resource: t.resource,
            vc_type: t.vc_type,
            vct: t.vct,
            doc_type: t.doc_type,
            schema_id: t.schema_id,
            equivalents: t.equivalents,
            defined_at: output::time(t.defined_at),
        }
    }
}

impl TypeView {
    pub const HEADINGS: [&'static str; 6] = ["RESOURCE", "VC TYPE", "VCT", "DOCTYPE", "SCHEMA", "EQUIVALENT"];

    pub fn row(&self) -> Vec<String> {
        vec![
            self.resource.clone(),
            self.vc_type.clone(),
            self.vct.clone(),
            self.doc_type.clone(),
            self.schema_id.chars().take(12).collect(),
            self.equivalents.join(" "),
        ]
    }
}
