//! Sends a proposal, and says what happens next.

use std::path::Path;

use charter_proto::charter::registry::v1::{self as pb, propose_request::Change};
use serde_json::json;

use crate::{
    args::{Connection, Draft, Format, Register},
    command::approval,
    desk::Desk,
    exit::{Exit, Failure},
    output,
    proposal::{self, View},
    read,
};

pub async fn register(to: &Connection, args: Register) -> Result<Exit, Failure> {
    let change = Change::RegisterEntity(pb::RegisterEntity {
        identifier: args.identifier.into(),
        identifiers: Vec::new(),
        names: args.name.into_iter().collect(),
        country: args.country,
    });
    send(to, args.draft, args.reason, change).await
}

/// Proposes one change; `why` stays with the proposal.
pub async fn send(to: &Connection, draft: Draft, why: String, change: Change) -> Result<Exit, Failure> {
    let (format, dry_run) = (draft.output, draft.dry_run);
    let view = View::from(file(to, draft, why, change).await?);
    match format {
        Format::Json => output::json(&json!({ "proposal": view }))?,
        Format::Table => output::text(&said(&view, dry_run))?,
    };
    Ok(Exit::Ok)
}

/// What comes next for people.
pub fn said(view: &View, dry_run: bool) -> String {
    if dry_run {
        return format!("would propose {}", kind(view));
    }
    let id = output::clean(&view.proposal_id);
    format!("proposal {id}: {}\n{}", kind(view), view.next())
}

/// The proposal as the server has filed it, or would.
pub async fn file(
    to: &Connection,
    draft: Draft,
    why: String,
    change: Change,
) -> Result<pb::Proposal, Failure> {
    let desk = Desk::open(to, draft.call).await?;
    let request = pb::ProposeRequest {
        registry_id: desk.registry_id(),
        request_id: desk.request_id(),
        etag: read::etag(&desk, &change).await?,
        reason: why,
        validate_only: draft.dry_run,
        change: Some(change),
    };
    let proposal = match draft.amend {
        None => desk.client().propose(desk.request(request)).await?.into_inner().proposal,
        Some(proposal_id) => {
            let request = pb::AmendProposalRequest {
                registry_id: desk.registry_id(),
                request_id: desk.request_id(),
                etag: approval::fetch(&desk, proposal_id.clone()).await?.etag,
                proposal_id,
                proposal: Some(request),
            };
            desk.client().amend_proposal(desk.request(request)).await?.into_inner().proposal
        }
    };
    proposal::given(proposal)
}

/// A text that is not for the command line; `-` is standard input.
pub fn text(path: &Path) -> Result<String, Failure> {
    let read = if path.as_os_str() == "-" {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(path)
    };
    read.map_err(|e| Failure::usage(format!("cannot read `{}`: {e}", path.display())))
}

fn kind(view: &View) -> String {
    output::clean(&view.measure)
}
