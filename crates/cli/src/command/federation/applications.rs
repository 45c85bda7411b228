//! `charter federation applications`: what other registries have applied for, and what staff make of it.

use charter_proto::charter::registry::v1 as pb;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    args::{Accept, Applications, At, Connection, Format},
    command::{
        delegation::{Grant, Names},
        life, propose,
    },
    desk::Desk,
    exit::{Exit, Failure},
    output, proposal,
};

/// Public: members are added, never renamed.
#[derive(Serialize)]
struct View {
    application_id: String,
    purpose: String,
    state: String,
    applicant_id: String,
    entity_identifier: String,
    name: String,
    thumbprint: String,
    jwks: Value,
    endpoint: String,
    tls_spki_sha256: Vec<String>,
    scope: Vec<Grant>,
    max_path_length: Option<u32>,
    naming_constraints: Option<Names>,
    answers_as_own: bool,
    valid_until: Option<String>,
    contact: String,
    code: String,
    left_seq: i64,
    received_at: Option<String>,
    expires_at: Option<String>,
    proposal_id: String,
    seq: i64,
    reason: String,
}

impl From<pb::Application> for View {
    fn from(a: pb::Application) -> Self {
        Self {
            application_id: a.application_id,
            purpose: a.purpose,
            state: a.state,
            applicant_id: a.applicant_id,
            entity_identifier: a.entity_identifier,
            name: a.name,
            thumbprint: a.thumbprint,
            jwks: serde_json::from_str(&a.jwks_json).unwrap_or_default(),
            endpoint: a.endpoint,
            tls_spki_sha256: a.tls_spki_sha256,
            scope: a.scope.into_iter().map(Grant::from).collect(),
            max_path_length: a.max_path_length,
            naming_constraints: a.naming_constraints.map(Names::from),
            answers_as_own: a.answers_as_own,
            valid_until: output::time(a.valid_until),
            contact: a.contact,
            code: a.code,
            left_seq: a.left_seq,
            received_at: output::time(a.received_at),
            expires_at: output::time(a.expires_at),
            proposal_id: a.proposal_id,
            seq: a.seq,
            reason: a.reason,
        }
    }
}

impl View {
    const HEADINGS: [&'static str; 7] =
        ["APPLICATION", "PURPOSE", "STATE", "APPLICANT", "SCOPE", "RECEIVED", "EXPIRES"];

    fn scope(&self) -> String {
        self.scope.iter().map(Grant::text).collect::<Vec<_>>().join("; ")
    }

    fn row(&self) -> Vec<String> {
        vec![
            self.application_id.clone(),
            self.purpose.clone(),
            self.state.clone(),
            self.applicant_id.clone(),
            self.scope(),
            self.received_at.clone().unwrap_or_default(),
            self.expires_at.clone().unwrap_or_default(),
        ]
    }

    fn text(&self) -> String {
        let number = |n: i64| if n > 0 { n.to_string() } else { String::new() };
        output::fields([
            ("application", self.application_id.clone()),
            ("purpose", self.purpose.clone()),
            ("state", self.state.clone()),
            ("applicant", self.applicant_id.clone()),
            ("https identifier", self.entity_identifier.clone()),
            ("name", self.name.clone()),
            ("thumbprint of its key", self.thumbprint.clone()),
            ("endpoint", self.endpoint.clone()),
            ("TLS keys (SPKI SHA-256)", self.tls_spki_sha256.join("\n")),
            ("scope", self.scope()),
            ("max path length", self.max_path_length.map_or_else(String::new, |n| n.to_string())),
            ("permitted names", Names::permitted(self.naming_constraints.as_ref())),
            ("excluded names", Names::excluded(self.naming_constraints.as_ref())),
            ("answers as own", self.answers_as_own.to_string()),
            ("valid until", self.valid_until.clone().unwrap_or_default()),
            ("contact", self.contact.clone()),
            ("left because", self.code.clone()),
            ("event at the applicant", number(self.left_seq)),
            ("received", self.received_at.clone().unwrap_or_default()),
            ("expires", self.expires_at.clone().unwrap_or_default()),
            ("proposal", self.proposal_id.clone()),
            ("event", number(self.seq)),
            ("refused because", self.reason.clone()),
        ])
    }
}

fn given(application: Option<pb::Application>) -> Result<View, Failure> {
    let missing = || Failure::new(Exit::Unexpected, "the answer holds no application");
    application.map(View::from).ok_or_else(missing)
}

pub async fn run(to: &Connection, command: Applications) -> Result<Exit, Failure> {
    match command {
        Applications::List { state, call, output } => {
            let desk = Desk::open(to, call).await?;
            let request = pb::ListApplicationsRequest { registry_id: desk.registry_id(), state };
            let reply = desk.joining().list_applications(desk.request(request)).await?.into_inner();
            let views: Vec<View> = reply.applications.into_iter().map(View::from).collect();
            output::list(output, ("applications", None), &views, &View::HEADINGS, View::row)?;
        }
        Applications::Show { id, call, output } => {
            let desk = Desk::open(to, call).await?;
            let request = pb::GetApplicationRequest { registry_id: desk.registry_id(), application_id: id };
            let reply = desk.joining().get_application(desk.request(request)).await?.into_inner();
            let view = given(reply.application)?;
            let shown = json!({ "application": view });
            output::one(output, &shown, (&View::HEADINGS, view.row()), || view.text())?;
            output::note("only that it has the key is proven: compare the thumbprint by another way");
        }
        Applications::Accept(args) => return accept(to, *args).await,
        Applications::Refuse { one, why } => {
            let At { dry_run, call, output } = one.at;
            let desk = Desk::open(to, call).await?;
            let request = pb::RefuseApplicationRequest {
                registry_id: desk.registry_id(),
                application_id: one.id,
                reason: why,
                validate_only: dry_run,
            };
            let reply = desk.joining().refuse_application(desk.request(request)).await?.into_inner();
            let view = given(reply.application)?;
            match output {
                Format::Json => output::json(&json!({ "application": view }))?,
                Format::Table if dry_run => output::text("would be refused")?,
                Format::Table => output::text(&view.text())?,
            };
        }
    }
    Ok(Exit::Ok)
}

async fn accept(to: &Connection, args: Accept) -> Result<Exit, Failure> {
    let At { dry_run, call, output } = args.one.at;
    let desk = Desk::open(to, call).await?;
    let request = pb::AcceptApplicationRequest {
        registry_id: desk.registry_id(),
        application_id: args.one.id,
        scope: life::scope(args.scope)?,
        max_path_length: args.max_path_length.map(u32::from),
        naming_constraints: life::naming(args.naming),
        answers_as_own: args.answers_as_own,
        valid_until: args.valid_until.map(output::timestamp),
        reason: args.why,
        validate_only: dry_run,
    };
    let reply = desk.joining().accept_application(desk.request(request)).await?.into_inner();
    let view = proposal::View::from(proposal::given(reply.proposal)?);
    match output {
        Format::Json => output::json(&json!({ "proposal": view }))?,
        Format::Table => output::text(&propose::said(&view, dry_run))?,
    };
    Ok(Exit::Ok)
}
