//! `charter delegation list` and `show`: who may speak for what.

use charter_proto::charter::registry::v1 as pb;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    args::{Connection, List, ListFormat},
    connect::Server,
    exit::{Exit, Failure},
    output,
};

#[derive(Serialize)]
struct View {
    delegation_id: i64,
    subordinate_id: String,
    entity_identifier: String,
    endpoint: String,
    tls_spki_sha256: Vec<String>,
    scope: Vec<Grant>,
    max_path_length: Option<u32>,
    naming_constraints: Option<Names>,
    answers_as_own: bool,
    valid_from: Option<String>,
    valid_until: Option<String>,
    state: String,
    jwks: Value,
    etag: String,
}

#[derive(Serialize)]
pub(super) struct Grant {
    pub actions: Vec<String>,
    pub resources: Vec<String>,
    pub jurisdictions: Vec<String>,
    pub conditions: Value,
    pub may_delegate: bool,
    pub until: Option<String>,
}

/// Hosts that names below may have, and may not.
#[derive(Serialize)]
pub(super) struct Names {
    permitted: Vec<String>,
    excluded: Vec<String>,
}

impl From<pb::NamingConstraints> for Names {
    fn from(n: pb::NamingConstraints) -> Self {
        Self { permitted: n.permitted, excluded: n.excluded }
    }
}

impl Names {
    pub(super) fn permitted(of: Option<&Self>) -> String {
        of.map_or_else(String::new, |names| names.permitted.join(", "))
    }

    pub(super) fn excluded(of: Option<&Self>) -> String {
        of.map_or_else(String::new, |names| names.excluded.join(", "))
    }
}

impl From<pb::Delegation> for View {
    fn from(d: pb::Delegation) -> Self {
        Self {
            delegation_id: d.delegation_id,
            subordinate_id: d.subordinate_id,
            entity_identifier: d.entity_identifier,
            endpoint: d.endpoint,
            tls_spki_sha256: d.tls_spki_sha256,
            scope: d.scope.into_iter().map(Grant::from).collect(),
            max_path_length: d.max_path_length,
            naming_constraints: d.naming_constraints.map(Names::from),
            answers_as_own: d.answers_as_own,
            valid_from: output::time(d.valid_from),
            valid_until: output::time(d.valid_until),
            state: d.status.map(|s| s.state).unwrap_or_default(),
            jwks: serde_json::from_str(&d.jwks_json).unwrap_or_default(),
            etag: d.etag,
        }
    }
}

impl From<pb::Grant> for Grant {
    fn from(g: pb::Grant) -> Self {
        let conditions = g.conditions.into_iter().map(|(name, values)| (name, json!(values.values)));
        Self {
            actions: g.actions,
            resources: g.resources,
            jurisdictions: g.jurisdictions,
            conditions: Value::Object(conditions.collect()),
            may_delegate: g.may_delegate,
            until: output::time(g.until),
        }
    }
}

impl Grant {
    pub(super) fn text(&self) -> String {
        let within = if self.jurisdictions.is_empty() {
            String::new()
        } else {
            format!(" in {}", self.jurisdictions.join(", "))
        };
        format!("{} {}{within}", self.actions.join(", "), self.resources.join(", "))
    }
}

impl View {
    const HEADINGS: [&'static str; 5] = ["SUBORDINATE", "SCOPE", "VALID UNTIL", "STATE", "ENDPOINT"];

    fn scope(&self) -> String {
        self.scope.iter().map(Grant::text).collect::<Vec<_>>().join("; ")
    }

    fn row(&self) -> Vec<String> {
        vec![
            self.subordinate_id.clone(),
            self.scope(),
            self.valid_until.clone().unwrap_or_default(),
            self.state.clone(),
            self.endpoint.clone(),
        ]
    }

    fn text(&self) -> String {
        output::fields([
            ("subordinate", self.subordinate_id.clone()),
            ("https identifier", self.entity_identifier.clone()),
            ("endpoint", self.endpoint.clone()),
            ("TLS keys (SPKI SHA-256)", self.tls_spki_sha256.join("\n")),
            ("scope", self.scope()),
            ("max path length", self.max_path_length.map_or_else(String::new, |n| n.to_string())),
            ("permitted names", Names::permitted(self.naming_constraints.as_ref())),
            ("excluded names", Names::excluded(self.naming_constraints.as_ref())),
            ("answers as own", self.answers_as_own.to_string()),
            ("valid from", self.valid_from.clone().unwrap_or_default()),
            ("valid until", self.valid_until.clone().unwrap_or_default()),
            ("state", self.state.clone()),
        ])
    }
}

pub async fn list(to: &Connection, filter: String, args: List) -> Result<Exit, Failure> {
    let server = Server::connect(to).await?;
    let registry_id = args.registry.map_or_else(String::new, String::from);
    let (mut page_token, mut shown) = (args.page_token, Vec::new());
    loop {
        let request = pb::ListDelegationsRequest {
            registry_id: registry_id.clone(),
            page_size: args.page_size,
            page_token,
            filter: filter.clone(),
        };
        let page = server.registry().list_delegations(server.request(request)).await?.into_inner();
        page_token = page.next_page_token;
        shown.extend(page.delegations.into_iter().map(View::from));
        if page_token.is_empty() || !args.all {
            break;
        }
    }
    let named = ("delegations", Some(page_token.as_str()));
    output::list(args.output, named, &shown, &View::HEADINGS, View::row)?;
    if !page_token.is_empty() {
        output::note(&format!("more: --all, or --page-token {page_token}"));
    }
    Ok(Exit::Ok)
}

pub async fn show(
    to: &Connection,
    request: pb::GetDelegationRequest,
    format: ListFormat,
) -> Result<Exit, Failure> {
    let server = Server::connect(to).await?;
    let answer = server.registry().get_delegation(server.request(request)).await?.into_inner();
    let found = answer.delegation;
    let found = found.ok_or_else(|| Failure::new(Exit::Unexpected, "the answer holds no delegation"))?;
    let view = View::from(found);
    let json = json!({ "delegation": view });
    output::one(format, &json, (&View::HEADINGS, view.row()), || view.text())?;
    Ok(Exit::Ok)
}
