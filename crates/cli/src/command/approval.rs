//! `charter approval`: proposals, read and decided.

mod amend;
mod approve;

use charter_proto::charter::registry::v1 as pb;
use serde_json::json;

use crate::{
    args::{Approval, Call, Connection, Format, ListProposals, Show},
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
        Approval::Refuse { id, reason, call, output } => refuse(to, (id, reason), call, output).await,
        Approval::Withdraw { id, reason, call, output } => withdraw(to, (id, reason), call, output).await,
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
    match args.output {
        Format::Json => output::json(&json!({ "proposal": view }))?,
        Format::Table => output::text(&view.text())?,
    };
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
    call: Call,
    format: Format,
) -> Result<Exit, Failure> {
    let desk = Desk::open(to, call).await?;
    let etag = fetch(&desk, proposal_id.clone()).await?.etag;
    let request = pb::RefuseProposalRequest {
        registry_id: desk.registry_id(),
        request_id: desk.request_id(),
        proposal_id,
        reason,
        etag,
        ..Default::default()
    };
    let answer = desk.client().refuse_proposal(desk.request(request)).await?.into_inner();
    closed(answer.proposal, format)
}

async fn withdraw(
    to: &Connection,
    (proposal_id, reason): (String, String),
    call: Call,
    format: Format,
) -> Result<Exit, Failure> {
    let desk = Desk::open(to, call).await?;
    let etag = fetch(&desk, proposal_id.clone()).await?.etag;
    let request = pb::WithdrawProposalRequest {
        registry_id: desk.registry_id(),
        request_id: desk.request_id(),
        proposal_id,
        reason,
        etag,
        ..Default::default()
    };
    let answer = desk.client().withdraw_proposal(desk.request(request)).await?.into_inner();
    closed(answer.proposal, format)
}

fn closed(proposal: Option<pb::Proposal>, format: Format) -> Result<Exit, Failure> {
    let view = View::from(proposal::given(proposal)?);
    match format {
        Format::Json => output::json(&json!({ "proposal": view }))?,
        Format::Table => {
            output::text(&format!("proposal {} {}", output::clean(&view.proposal_id), view.next()))?
        }
    };
    Ok(Exit::Ok)
}
