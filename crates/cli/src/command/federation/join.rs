//! `charter federation join` and `leave`: what this registry's key signs goes to its superior, what its log is to say is
//! proposed here. Nothing of either has an effect before two persons decided on each side.

use charter_proto::charter::{
    federation::v1 as federation,
    registry::v1::{self as pb, propose_request::Change, sign_application_request::What},
};
use serde::Serialize;
use serde_json::json;

use crate::{
    args::{Apply, Call, Connection, Format, Join, Leave, Sent},
    command::{life, propose},
    connect::Server,
    desk::Desk,
    exit::{Exit, Failure},
    output,
};

/// Public: members are added, never renamed.
#[derive(Serialize)]
struct View {
    application_id: String,
    purpose: String,
    state: String,
    expires_at: Option<String>,
    reason: String,
    seq: i64,
}

impl From<pb::ApplicationReceipt> for View {
    fn from(r: pb::ApplicationReceipt) -> Self {
        Self {
            application_id: r.application_id,
            purpose: r.purpose,
            state: r.state,
            expires_at: output::time(r.expires_at),
            reason: r.reason,
            seq: r.seq,
        }
    }
}

impl View {
    fn print(&self, format: Format) -> Result<Exit, Failure> {
        match format {
            Format::Json => output::json(&json!({ "receipt": self }))?,
            Format::Table => output::text(&output::fields([
                ("application", self.application_id.clone()),
                ("purpose", self.purpose.clone()),
                ("state", self.state.clone()),
                ("expires", self.expires_at.clone().unwrap_or_default()),
                ("refused because", self.reason.clone()),
                ("event at the superior", if self.seq > 0 { self.seq.to_string() } else { String::new() }),
            ]))?,
        };
        Ok(Exit::Ok)
    }
}

/// Another server, reached by the same means; what says who this is stays with the own one.
pub(super) fn elsewhere(to: &Connection, url: &str) -> Connection {
    Connection { server: url.to_owned(), client_cert: None, client_key: None, ..to.clone() }
}

pub async fn run(to: &Connection, command: Join) -> Result<Exit, Failure> {
    match command {
        Join::Apply(args) => apply(to, args).await,
        Join::Status { id, above, to: url, call, output } => {
            let inquiry = signed(to, call, above.superior.into(), What::Inquire(id)).await?;
            let server = Server::connect(&elsewhere(to, &url)).await?;
            let request = server.request(pb::InquireApplicationRequest { inquiry, ..Default::default() });
            let reply = server.applications().inquire_application(request).await?.into_inner();
            View::from(given(reply.receipt)?).print(output)
        }
        Join::Record { from, why, draft } => {
            let join = superior(to, &from, draft.call.registry.as_ref().map(ToString::to_string)).await?;
            propose::send(to, draft, why, Change::JoinSuperior(join)).await
        }
    }
}

pub async fn leave(to: &Connection, command: Leave) -> Result<Exit, Failure> {
    match command {
        Leave::Record { above, reason, why, draft } => {
            let leave = pb::LeaveSuperior { superior: above.superior.into(), code: reason };
            propose::send(to, draft, why, Change::LeaveSuperior(leave)).await
        }
        Leave::Notify { above, sent } => {
            send(to, above.superior.into(), What::Leave(pb::LeaveNotice {}), sent).await
        }
    }
}

async fn apply(to: &Connection, args: Apply) -> Result<Exit, Failure> {
    let scope = life::scope(args.scope)?;
    if scope.is_empty() {
        return Err(
            Failure::usage("what is the registry to speak for?").hint("--resource or --scope names it")
        );
    }
    let wish = pb::JoinWish {
        scope,
        max_path_length: args.max_path_length.map(u32::from),
        naming_constraints: life::naming(args.naming),
        answers_as_own: args.answers_as_own,
        valid_until: args.valid_until.map(output::timestamp),
        contact: args.contact,
    };
    send(to, args.above.superior.into(), What::Join(wish), args.sent).await
}

/// The registry's key signs where it is: at its own server.
async fn signed(to: &Connection, call: Call, superior: String, what: What) -> Result<String, Failure> {
    let desk = Desk::open(to, call).await?;
    let what = Some(what);
    let request = pb::SignApplicationRequest { registry_id: desk.registry_id(), superior, what };
    Ok(desk.joining().sign_application(desk.request(request)).await?.into_inner().application)
}

/// Has it signed and sends it; where nobody is named, it goes to standard output for who carries it.
async fn send(to: &Connection, superior: String, what: What, sent: Sent) -> Result<Exit, Failure> {
    let Sent { to: url, dry_run, call, output: format } = sent;
    let application = signed(to, call, superior, what).await?;
    let Some(url) = url.filter(|_| !dry_run) else {
        match format {
            Format::Json => output::json(&json!({ "application": application }))?,
            Format::Table => output::text(&application)?,
        };
        output::note("to be submitted within 10 minutes: POST /api/v1/applications:submit");
        return Ok(Exit::Ok);
    };
    let server = Server::connect(&elsewhere(to, &url)).await?;
    let request = server.request(pb::SubmitApplicationRequest { application, ..Default::default() });
    let reply = server.applications().submit_application(request).await?.into_inner();
    View::from(given(reply.receipt)?).print(format)
}

fn given(receipt: Option<pb::ApplicationReceipt>) -> Result<pb::ApplicationReceipt, Failure> {
    receipt.ok_or_else(|| Failure::new(Exit::Unexpected, "the answer holds no receipt"))
}

/// The registry's own id, and what the superior there states of it.
pub(super) async fn stated(
    to: &Connection,
    superior: &str,
    registry: Option<String>,
) -> Result<(Server, String), Failure> {
    let own = Server::connect(to).await?;
    let registry_id = registry.unwrap_or_default();
    let reply = own.registry().get_registry(own.request(pb::GetRegistryRequest { registry_id })).await?;
    let found = reply.into_inner().registry;
    let found = found.ok_or_else(|| Failure::new(Exit::Unexpected, "the answer holds no registry"))?;
    let above = Server::connect(&elsewhere(to, superior)).await?;
    let message = federation::GetSubordinateStatementRequest {
        authority_id: String::new(),
        subordinate_id: found.authority_id,
    };
    let reply = above.federation().get_subordinate_statement(above.request(message)).await?;
    Ok((above, reply.into_inner().subordinate_statement))
}

async fn superior(
    to: &Connection,
    from: &str,
    registry: Option<String>,
) -> Result<pb::JoinSuperior, Failure> {
    let (above, statement) = stated(to, from, registry).await?;
    let message = federation::GetEntityConfigurationRequest::default();
    let reply = above.federation().get_entity_configuration(above.request(message)).await?.into_inner();
    let configuration = reply.entity_configuration;
    Ok(pb::JoinSuperior { statement, configuration, endpoint: from.to_owned() })
}
