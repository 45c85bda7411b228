//! `list` and `show` of accreditations, statements and recognitions.

use charter_proto::charter::registry::v1 as pb;
use serde_json::json;

use crate::{
    args::{Connection, List, ListFormat, ListOf},
    command::entity::view::{Accreditation, Statement, View},
    connect::Server,
    exit::{Exit, Failure},
    output,
};

/// Those of one entity, authorizations and recognitions; or recognitions only.
pub async fn statements(to: &Connection, args: ListOf, only: Option<&str>) -> Result<Exit, Failure> {
    let server = Server::connect(to).await?;
    let request = pb::GetEntityRequest {
        registry_id: args.registry.map_or_else(String::new, Into::into),
        entity_id: args.entity.into(),
        ..Default::default()
    };
    let found = server.registry().get_entity(server.request(request)).await?.into_inner().entity;
    let entity = found.ok_or_else(|| Failure::new(Exit::Unexpected, "the answer holds no entity"))?;
    let statements = View::from(entity).statements;
    let shown: Vec<Statement> =
        statements.into_iter().filter(|s| only.is_none_or(|kind| s.kind == kind)).collect();
    output::list(args.output, ("statements", None), &shown, &Statement::HEADINGS, Statement::row)?;
    Ok(Exit::Ok)
}

/// A page, or with `--all` each of them.
pub async fn accreditations(to: &Connection, args: List) -> Result<Exit, Failure> {
    let server = Server::connect(to).await?;
    let registry_id = args.registry.map_or_else(String::new, String::from);
    let (mut page_token, mut shown) = (args.page_token, Vec::new());
    loop {
        let request = pb::ListAccreditationsRequest {
            registry_id: registry_id.clone(),
            page_size: args.page_size,
            page_token,
            ..Default::default()
        };
        let page = server.registry().list_accreditations(server.request(request)).await?.into_inner();
        page_token = page.next_page_token;
        shown.extend(page.accreditations.into_iter().map(Accreditation::from));
        if page_token.is_empty() || !args.all {
            break;
        }
    }
    let named = ("accreditations", Some(page_token.as_str()));
    output::list(args.output, named, &shown, &Accreditation::HEADINGS, Accreditation::row)?;
    if !page_token.is_empty() {
        output::note(&format!("more: --all, or --page-token {page_token}"));
    }
    Ok(Exit::Ok)
}

pub async fn accreditation(
    to: &Connection,
    request: pb::GetAccreditationRequest,
    format: ListFormat,
) -> Result<Exit, Failure> {
    let server = Server::connect(to).await?;
    let answer = server.registry().get_accreditation(server.request(request)).await?.into_inner();
    let found = answer.accreditation;
    let found = found.ok_or_else(|| Failure::new(Exit::Unexpected, "the answer holds no accreditation"))?;
    let view = Accreditation::from(found);
    let json = json!({ "accreditation": view });
    output::one(format, &json, (&Accreditation::HEADINGS, view.row()), || view.text())?;
    Ok(Exit::Ok)
}

pub async fn statement(
    to: &Connection,
    request: pb::GetStatementRequest,
    format: ListFormat,
) -> Result<Exit, Failure> {
    let server = Server::connect(to).await?;
    let answer = server.registry().get_statement(server.request(request)).await?.into_inner();
    let found = answer.statement;
    let found = found.ok_or_else(|| Failure::new(Exit::Unexpected, "the answer holds no statement"))?;
    let view = Statement::from(found);
    let json = json!({ "statement": view, "entity_id": answer.entity_id });
    let text = || view.text(&answer.entity_id);
    output::one(format, &json, (&Statement::HEADINGS, view.row()), text)?;
    Ok(Exit::Ok)
}
