//! `charter registry`: what the server keeps, and by which policy.

use std::collections::BTreeMap;

use charter_domain::AuthorityId;
use charter_proto::charter::registry::v1::{self as pb, propose_request::Change};
use serde::Serialize;
use serde_json::json;

use crate::{
    args::{Connection, ListFormat, Registry},
    command::propose,
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
    published_size: i64,
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
            published_size: r.published_size,
        }
    }
}

impl View {
    const HEADINGS: [&str; 6] = ["AUTHORITY", "NAME", "JURISDICTION", "PHASE", "EPOCH", "PUBLISHED"];

    fn row(&self) -> Vec<String> {
        let (epoch, published) = (self.epoch.to_string(), self.published_size.to_string());
        let row = [&self.authority_id, &self.name, &self.jurisdiction, &self.phase, &epoch, &published];
        row.map(String::from).to_vec()
    }

    fn text(&self) -> String {
        output::fields([
            ("authority", self.authority_id.clone()),
            ("identifier", self.entity_identifier.clone()),
            ("name", self.name.clone()),
            ("jurisdiction", self.jurisdiction.clone()),
            ("phase", self.phase.clone()),
            ("epoch", self.epoch.to_string()),
            ("published", self.published_size.to_string()),
            ("history since", self.history_since.clone().unwrap_or_default()),
        ])
    }
}

pub async fn run(to: &Connection, command: Registry) -> Result<Exit, Failure> {
    match command {
        Registry::List { output } => list(to, output).await,
        Registry::Show { registry, output } => show(to, registry, output).await,
        Registry::Policy { registry, output } => policy(to, registry, output).await,
        Registry::Rehome { recipient, why, draft } => {
            propose::send(to, draft, why, Change::Rehome(pb::Rehome { recipient })).await
        }
        Registry::SetPolicy(args) => {
            let change = Change::SetPolicy(pb::Policy {
                quorums: args.quorum.into_iter().collect(),
                hearing: args.hearing.code().to_owned(),
                reply_days: args.reply_days,
                languages: args.language,
            });
            propose::send(to, args.draft, args.why, change).await
        }
    }
}

async fn policy(to: &Connection, registry: Option<AuthorityId>, format: ListFormat) -> Result<Exit, Failure> {
    let server = Server::connect(to).await?;
    let request = pb::GetPolicyRequest { registry_id: registry.map_or_else(String::new, Into::into) };
    let found = server.policy().get_policy(server.request(request)).await?.into_inner().policy;
    let found = found.unwrap_or_default();
    let quorums: BTreeMap<_, _> = found.quorums.into_iter().collect();
    let (hearing, days, languages) =
        (found.hearing, found.reply_days.to_string(), found.languages.join(", "));
    let json = json!({ "policy": {
        "quorums": quorums, "hearing": hearing, "reply_days": found.reply_days, "languages": found.languages,
    } });
    let persons = quorums.iter().map(|(measure, n)| format!("{measure}={n}")).collect::<Vec<_>>().join(" ");
    let row = vec![hearing.clone(), days.clone(), languages.clone(), persons];
    let text = || {
        let fields =
            output::fields([("hearing", hearing), ("days to reply", days), ("languages", languages)]);
        let row = |(measure, persons): (&String, &i32)| vec![measure.clone(), persons.to_string()];
        format!("{fields}\n\n{}", output::table(&["MEASURE", "PERSONS"], quorums.iter().map(row)))
    };
    output::one(format, &json, (&["HEARING", "REPLY DAYS", "LANGUAGES", "QUORUMS"], row), text)?;
    Ok(Exit::Ok)
}

async fn list(to: &Connection, format: ListFormat) -> Result<Exit, Failure> {
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
    output::list(format, ("registries", None), &registries, &View::HEADINGS, View::row)?;
    Ok(Exit::Ok)
}

async fn show(to: &Connection, registry: Option<AuthorityId>, format: ListFormat) -> Result<Exit, Failure> {
    let server = Server::connect(to).await?;
    let request = pb::GetRegistryRequest { registry_id: registry.map_or_else(String::new, Into::into) };
    let found = server.registry().get_registry(server.request(request)).await?.into_inner().registry;
    let view =
        View::from(found.ok_or_else(|| Failure::new(Exit::Unexpected, "the answer holds no registry"))?);
    output::one(format, &view, (&View::HEADINGS, view.row()), || view.text())?;
    Ok(Exit::Ok)
}
