//! `charter approval approve`: nobody approves what they have not seen, or what is not what they have seen.

use charter_proto::charter::registry::v1 as pb;
use serde_json::json;

use crate::{
    args::{Approve, Connection, Format},
    confirm::confirm,
    desk::Desk,
    exit::{Exit, Failure},
    output,
    proposal::{self, View},
};

pub async fn run(to: &Connection, args: Approve) -> Result<Exit, Failure> {
    let desk = Desk::open(to, args.call).await?;
    let found = super::fetch(&desk, args.id.clone()).await?;
    let etag = found.etag.clone();
    let hash = match args.hash {
        Some(hash) => hash,
        None => look(found, &args.id, args.yes && !args.dry_run)?,
    };
    if !args.yes && !args.dry_run {
        confirm(&format!("you approve proposal {} with hash {hash}", args.id)).await?;
    }
    let request = pb::ApproveProposalRequest {
        registry_id: desk.registry_id(),
        request_id: desk.request_id(),
        proposal_id: args.id,
        hash,
        etag,
        validate_only: args.dry_run,
    };
    let answer = desk.client().approve_proposal(desk.request(request)).await?.into_inner();
    let view = View::from(proposal::given(answer.proposal)?);
    match args.output {
        Format::Json => output::json(&json!({ "proposal": view, "epoch": answer.epoch }))?,
        Format::Table if args.dry_run => {
            output::text(&format!("would approve proposal {}", output::clean(&view.proposal_id)))?
        }
        Format::Table => {
            let epoch = if answer.epoch > 0 { format!(" (epoch {})", answer.epoch) } else { String::new() };
            let id = output::clean(&view.proposal_id);
            output::text(&format!("proposal {id} is approved; {}{epoch}", view.next()))?
        }
    };
    Ok(Exit::Ok)
}

/// The hash of the proposal as it is now, checked; the person who is asked sees what it is the hash of.
fn look(found: pb::Proposal, id: &str, yes: bool) -> Result<String, Failure> {
    let hash = proposal::verify(&found, id)?;
    if !yes {
        output::show(&View::from(found).text());
    }
    Ok(hash)
}
