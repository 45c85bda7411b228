//! `charter entity`: reads entities and changes their state.

pub mod view;

use charter_domain::status::State;
use charter_proto::charter::registry::v1 as pb;

use self::view::View;
use crate::{
    args::{Connection, Entity, List, ListFormat},
    command::{emergency, key, life, propose, status},
    connect::Server,
    exit::{Exit, Failure},
    output,
};

pub async fn run(to: &Connection, command: Entity) -> Result<Exit, Failure> {
    match command {
        Entity::Get { id, registry, output } => {
            let registry_id = registry.map_or_else(String::new, Into::into);
            get(to, pb::GetEntityRequest { registry_id, entity_id: id.into(), ..Default::default() }, output)
                .await
        }
        Entity::List { filter, list: args } => list(to, filter, args).await,
        Entity::Suspend(change) => status::entity(to, State::Suspended, change).await,
        Entity::Reinstate(change) => status::entity(to, State::Active, change).await,
        Entity::Revoke(change) => status::entity(to, State::Revoked, change).await,
        Entity::End(args) => status::end(to, State::Ended, args).await,
        Entity::Register(args) => propose::register(to, args).await,
        Entity::Correct(args) => life::entity(to, args).await,
        Entity::Key(command) => key::entity(to, command).await,
        Entity::EmergencySuspend(args) => emergency::suspend(to, args).await,
    }
}

async fn get(to: &Connection, request: pb::GetEntityRequest, format: ListFormat) -> Result<Exit, Failure> {
    let server = Server::connect(to).await?;
    let response = server.registry().get_entity(server.request(request)).await?.into_inner();
    let entity =
        response.entity.ok_or_else(|| Failure::new(Exit::Unexpected, "the answer holds no entity"))?;
    let view = View::from(entity);
    output::one(format, &view, (&View::HEADINGS, view.row()), || view.text())?;
    Ok(Exit::Ok)
}

/// A page, or with `--all` each of them; tables and lines are written page by page.
async fn list(to: &Connection, filter: String, args: List) -> Result<Exit, Failure> {
    let server = Server::connect(to).await?;
    let registry_id = args.registry.map_or_else(String::new, String::from);
    let mut page_token = args.page_token;
    let mut collected: Vec<View> = Vec::new();
    loop {
        let request = pb::ListEntitiesRequest {
            registry_id: registry_id.clone(),
            page_size: args.page_size,
            page_token,
            filter: filter.clone(),
            ..Default::default()
        };
        let page = server.registry().list_entities(server.request(request)).await?.into_inner();
        page_token = page.next_page_token;
        collected.extend(page.entities.into_iter().map(View::from));
        if args.output == ListFormat::Ndjson {
            for view in collected.drain(..) {
                if !output::json_line(&view)? {
                    return Ok(Exit::Ok);
                }
            }
        }
        if page_token.is_empty() || !args.all {
            break;
        }
    }
    if args.output != ListFormat::Ndjson {
        output::list(args.output, ("entities", Some(&page_token)), &collected, &View::HEADINGS, View::row)?;
    }
    if !page_token.is_empty() {
        output::note(&format!("more: --all, or --page-token {page_token}"));
    }
    Ok(Exit::Ok)
}
