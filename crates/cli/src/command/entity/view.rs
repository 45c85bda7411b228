//! An entity as it is shown. Its JSON form is public: members are added, never renamed.

use std::{collections::BTreeMap, fmt::Write as _};

use charter_proto::charter::registry::v1 as pb;
use serde::Serialize;

use crate::output;

#[derive(Serialize)]
pub struct View {
    entity_id: String,
    identifiers: Vec<Identifier>,
    names: BTreeMap<String, String>,
    country: String,
    status: Option<Status>,
    registered_at: Option<String>,
    pub statements: Vec<Statement>,
    accreditations: Vec<Accreditation>,
    succeeded_by: Vec<String>,
}

#[derive(Serialize)]
struct Identifier {
    r#type: String,
    value: String,
}

#[derive(Serialize)]
struct Status {
    state: String,
    since: Option<String>,
    reason: String,
}

#[derive(Serialize)]
pub struct Statement {
    statement_id: i64,
    pub kind: String,
    action: String,
    resource: String,
    jurisdictions: Vec<String>,
    valid_from: Option<String>,
    valid_until: Option<String>,
    status: Option<Status>,
    accreditation_id: String,
}

#[derive(Serialize)]
pub struct Accreditation {
    accreditation_id: String,
    entity_id: String,
    body: String,
    legal_basis: String,
    evidence_uri: String,
    evidence_date: String,
    evidence_sha256: String,
    valid_from: Option<String>,
    valid_until: Option<String>,
    status: Option<Status>,
}

impl From<pb::Entity> for View {
    fn from(e: pb::Entity) -> Self {
        Self {
            entity_id: e.entity_id,
            identifiers: e.identifiers.into_iter().map(Identifier::from).collect(),
            names: e.names.into_iter().collect(),
            country: e.country,
            status: e.status.map(Status::from),
            registered_at: output::time(e.registered_at),
            statements: e.statements.into_iter().map(Statement::from).collect(),
            accreditations: e.accreditations.into_iter().map(Accreditation::from).collect(),
            succeeded_by: e.succeeded_by,
        }
    }
}

impl From<pb::Identifier> for Identifier {
    fn from(i: pb::Identifier) -> Self {
        Self { r#type: i.r#type, value: i.value }
    }
}

impl From<pb::Status> for Status {
    fn from(s: pb::Status) -> Self {
        Self { state: s.state, since: output::time(s.since), reason: s.reason }
    }
}

impl From<pb::Statement> for Statement {
    fn from(s: pb::Statement) -> Self {
        Self {
            statement_id: s.statement_id,
            kind: s.kind,
            action: s.action,
            resource: s.resource,
            jurisdictions: s.jurisdictions,
            valid_from: output::time(s.valid_from),
            valid_until: output::time(s.valid_until),
            status: s.status.map(Status::from),
            accreditation_id: s.accreditation_id,
        }
    }
}

impl From<pb::Accreditation> for Accreditation {
    fn from(a: pb::Accreditation) -> Self {
        Self {
            accreditation_id: a.accreditation_id,
            entity_id: a.entity_id,
            body: a.body,
            legal_basis: a.legal_basis,
            evidence_uri: a.evidence_uri,
            evidence_date: a.evidence_date,
            evidence_sha256: a.evidence_sha256,
            valid_from: output::time(a.valid_from),
            valid_until: output::time(a.valid_until),
            status: a.status.map(Status::from),
        }
    }
}

impl View {
    pub const HEADINGS: [&'static str; 4] = ["IDENTIFIER", "NAME", "COUNTRY", "STATE"];

    pub fn row(&self) -> Vec<String> {
        let identifier = self.identifiers.first().map_or(&self.entity_id, |i| &i.value);
        vec![identifier.clone(), self.name(), self.country.clone(), state(self.status.as_ref())]
    }

    /// English if there is one, else the first.
    fn name(&self) -> String {
        self.names.get("en").or_else(|| self.names.values().next()).cloned().unwrap_or_default()
    }

    /// Everything, for people.
    pub fn text(&self) -> String {
        let identifiers: Vec<_> = self.identifiers.iter().map(|i| i.value.as_str()).collect();
        let names: Vec<_> = self.names.iter().map(|(tag, name)| format!("{name} [{tag}]")).collect();
        let mut text = output::fields([
            ("identifiers", identifiers.join(", ")),
            ("names", names.join(", ")),
            ("country", self.country.clone()),
            ("state", state(self.status.as_ref())),
            ("registered", self.registered_at.clone().unwrap_or_default()),
            ("succeeded by", self.succeeded_by.join(", ")),
            ("entity id", self.entity_id.clone()),
        ]);
        // Writing to a string cannot fail.
        if !self.statements.is_empty() {
            let rows = self.statements.iter().map(Statement::row);
            let _ = write!(text, "\n\n{}", output::table(&Statement::HEADINGS, rows));
        }
        if !self.accreditations.is_empty() {
            let rows = self.accreditations.iter().map(Accreditation::row);
            let _ = write!(text, "\n\n{}", output::table(&Accreditation::HEADINGS, rows));
        }
        text
    }
}

impl Statement {
    pub const HEADINGS: [&'static str; 7] =
        ["NUMBER", "KIND", "ACTION", "RESOURCE", "JURISDICTIONS", "VALID", "STATE"];

    pub fn row(&self) -> Vec<String> {
        vec![
            self.statement_id.to_string(),
            self.kind.clone(),
            self.action.clone(),
            self.resource.clone(),
            self.jurisdictions.join(", "),
            validity(self.valid_from.as_deref(), self.valid_until.as_deref()),
            state(self.status.as_ref()),
        ]
    }

    /// Everything, for people; of an entity by its internal id.
    pub fn text(&self, entity_id: &str) -> String {
        output::fields([
            ("statement", format!("{} {}", self.kind, self.statement_id)),
            ("entity id", entity_id.to_owned()),
            ("action", self.action.clone()),
            ("resource", self.resource.clone()),
            ("jurisdictions", self.jurisdictions.join(", ")),
            ("accreditation", self.accreditation_id.clone()),
            ("valid", validity(self.valid_from.as_deref(), self.valid_until.as_deref())),
            ("state", state(self.status.as_ref())),
        ])
    }
}

impl Accreditation {
    pub const HEADINGS: [&'static str; 6] =
        ["ACCREDITATION", "ACCREDITED BY", "LEGAL BASIS", "EVIDENCE", "VALID", "STATE"];

    pub fn row(&self) -> Vec<String> {
        vec![
            self.accreditation_id.clone(),
            self.body.clone(),
            self.legal_basis.clone(),
            self.evidence_uri.clone(),
            validity(self.valid_from.as_deref(), self.valid_until.as_deref()),
            state(self.status.as_ref()),
        ]
    }

    /// Everything, for people.
    pub fn text(&self) -> String {
        output::fields([
            ("accreditation", self.accreditation_id.clone()),
            ("entity id", self.entity_id.clone()),
            ("accredited by", self.body.clone()),
            ("legal basis", self.legal_basis.clone()),
            ("evidence", self.evidence_uri.clone()),
            ("evidence of", self.evidence_date.clone()),
            ("sha-256", self.evidence_sha256.clone()),
            ("valid", validity(self.valid_from.as_deref(), self.valid_until.as_deref())),
            ("state", state(self.status.as_ref())),
        ])
    }
}

fn state(status: Option<&Status>) -> String {
    let Some(status) = status else {
        return String::new();
    };
    let reason = if status.reason.is_empty() { String::new() } else { format!(" ({})", status.reason) };
    let since = status.since.as_ref().map_or_else(String::new, |since| format!(" since {since}"));
    format!("{}{since}{reason}", status.state)
}

fn validity(from: Option<&str>, until: Option<&str>) -> String {
    match (from, until) {
        (None, None) => "always".to_owned(),
        (Some(from), None) => format!("from {from}"),
        (None, Some(until)) => format!("until {until}"),
        (Some(from), Some(until)) => format!("{from} to {until}"),
    }
}
