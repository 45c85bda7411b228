//! `charter registry`: what the server keeps.

use charter_proto::charter::registry::v1 as pb;
use serde::Serialize;

use crate::{
    args::{Connection, ListFormat, Registry},
    connect::Server,
    exit::{Exit, Failure},
    output,
};

#[derive(Serialize)]
struct View {
    authority_id: String,
    entity_identifier: String,
    slug: String,
    name: String,
    jurisdiction: String,
    phase: String,
    epoch: i64,
    history_since: Option<String>,
}

impl From<pb::Registry> for View {
    fn from(r: pb::Registry) -> Self {
        Self {
            authority_id: r.authority_id,
            entity_identifier: r.entity_identifier,
            slug: r.slug,
            name: r.name,
            jurisdiction: r.jurisdiction,
            phase: r.phase,
            epoch: r.epoch,
            history_since: output::time(r.history_since),
        }
    }
}

pub async fn run(to: &Connection, command: Registry) -> Result<Exit, Failure> {
    let Registry::List { output: format } = command;
    let server = Server::connect(to).await?;
    let mut registries: Vec<View> = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = pb::ListRegistriesRequest { page_size: 1_000, page_token };
        let page = server.registry().list_registries(server.request(request)).await?.into_inner();
        registries.extend(page.registries.into_iter().map(View::from));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    print(&registries, format)?;
    Ok(Exit::Ok)
}

fn print(registries: &[View], format: ListFormat) -> Result<(), Failure> {
    let row = |r: &View| {
        [&r.authority_id, &r.name, &r.jurisdiction, &r.phase, &r.epoch.to_string()].map(String::from).to_vec()
    };
    let headings = ["AUTHORITY", "NAME", "JURISDICTION", "PHASE", "EPOCH"];
    output::list(format, ("registries", None), registries, &headings, row)
}
