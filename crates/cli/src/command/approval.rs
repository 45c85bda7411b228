//! `charter approval`: proposals, read and decided.

mod amend;
mod approve;

use charter_proto::charter::registry::v1 as pb;
use serde_json::json;

use crate::{
    args::{Approval, Close, Connection, Format, ListProposals, Show},
    desk::Desk,
    exit::{Exit, Failure},
    output,
    proposal::{self, View},
};

pub async fn run(to: &Connection, command: Approval) -> Result<Exit, Failure> {
    match command {
        Approval::List(args) => list(to, args).await,
        Approval::Show(args) => show(to, args).await,
        Approval::Approve(args) => approve::run(to, args).await,
        Approval::Amend { id, command } => amend::run(to, id, command).await,
        Approval::Refuse { id, reason, close } => refuse(to, (id, reason), close).await,
        Approval::Withdraw { id, reason, close } => withdraw(to, (id, reason), close).await,
    }
}

pub async fn fetch(desk: &Desk, id: String) -> Result<pb::Proposal, Failure> {
    let request = pb::GetProposalRequest { registry_id: desk.registry_id(), proposal_id: id };
    proposal::given(desk.client().get_proposal(desk.request(request)).await?.into_inner().proposal)
}

async fn show(to: &Connection, args: Show) -> Result<Exit, Failure> {
    let desk = Desk::open(to, args.call).await?;
    let found = fetch(&desk, args.id).await?;
    if args.bytes {
        output::bytes(&found.bytes)?;
        return Ok(Exit::Ok);
    }
    let view = View::from(found);
    let json = json!({ "proposal": view });
    output::one(args.output, &json, (&View::HEADINGS, view.row()), || view.text())?;
    Ok(Exit::Ok)
}

async fn list(to: &Connection, args: ListProposals) -> Result<Exit, Failure> {
    let desk = Desk::open(to, args.call).await?;
    let (mut page_token, mut views) = (args.page_token, Vec::new());
    loop {
        let request = pb::ListProposalsRequest {
            registry_id: desk.registry_id(),
            state: args.state.clone().unwrap_or_default(),
            page_size: args.page_size,
            page_token,
            filter: args.filter.clone(),
        };
        let page = desk.client().list_proposals(desk.request(request)).await?.into_inner();
        views.extend(page.proposals.into_iter().map(View::from));
        page_token = page.next_page_token;
        if page_token.is_empty() || !args.all {
            break;
        }
    }
    output::list(args.output, ("proposals", Some(&page_token)), &views, &View::HEADINGS, View::row)?;
    if !page_token.is_empty() {
        output::note(&format!("more: --all, or --page-token {page_token}"));
    }
    Ok(Exit::Ok)
}

async fn refuse(
    to: &Connection,
    (proposal_id, reason): (String, String),
    close: Close,
) -> Result<Exit, Failure> {
    let desk = Desk::open(to, close.call).await?;
    let etag = fetch(&desk, proposal_id.clone()).await?.etag;
    let request = pb::RefuseProposalRequest {
        registry_id: desk.registry_id(),
        request_id: desk.request_id(),
        proposal_id,
        reason,
        etag,
        validate_only: close.dry_run,
    };
    let answer = desk.client().refuse_proposal(desk.request(request)).await?.into_inner();
    closed(answer.proposal, close.output, close.dry_run.then_some("refuse"))
}

async fn withdraw(
    to: &Connection,
    (proposal_id, reason): (String, String),
    close: Close,
) -> Result<Exit, Failure> {
    let desk = Desk::open(to, close.call).await?;
    let etag = fetch(&desk, proposal_id.clone()).await?.etag;
    let request = pb::WithdrawProposalRequest {
        registry_id: desk.registry_id(),
        request_id: desk.request_id(),
        proposal_id,
        reason,
        etag,
        validate_only: close.dry_run,
    };
    let answer = desk.client().withdraw_proposal(desk.request(request)).await?.into_inner();
    closed(answer.proposal, close.output, close.dry_run.then_some("withdraw"))
}

/// `would` is what was only tried out.
fn closed(proposal: Option<pb::Proposal>, format: Format, would: Option<&str>) -> Result<Exit, Failure> {
    let view = View::from(proposal::given(proposal)?);
    let id = output::clean(&view.proposal_id);
    match (format, would) {
        (Format::Json, _) => output::json(&json!({ "proposal": view }))?,
        (Format::Table, Some(verb)) => output::text(&format!("would {verb} proposal {id}"))?,
        (Format::Table, None) => output::text(&format!("proposal {id} {}", view.next()))?,
    };
    Ok(Exit::Ok)
}
