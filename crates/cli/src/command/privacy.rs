//! `charter privacy`: what is held about natural persons, and the proposal to erase it.

use charter_proto::charter::registry::v1::{self as pb, propose_request::Change};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    args::{About, Connection, Erase, ListFormat, Privacy},
    command::propose,
    desk::Desk,
    exit::{Exit, Failure},
    output,
};

#[derive(Serialize)]
struct View {
    place: String,
    seq: Option<i64>,
    erasable: bool,
    data: Value,
}

impl TryFrom<pb::PersonalDataRecord> for View {
    type Error = Failure;

    fn try_from(r: pb::PersonalDataRecord) -> Result<Self, Failure> {
        let data = serde_json::from_str(&r.data_json).map_err(|e| {
            Failure::new(Exit::Unexpected, format!("the server sent a record that cannot be read: {e}"))
        })?;
        Ok(Self { place: r.place, seq: Some(r.seq).filter(|s| *s > 0), erasable: r.erasable, data })
    }
}

impl View {
    fn row(&self) -> Vec<String> {
        let seq = self.seq.map_or_else(String::new, |seq| seq.to_string());
        let erasable = if self.erasable { "yes" } else { "no" };
        vec![self.place.clone(), seq, erasable.to_owned(), self.data.to_string()]
    }
}

pub async fn run(to: &Connection, command: Privacy) -> Result<Exit, Failure> {
    match command {
        Privacy::Show { about, output } => show(to, about, output).await,
        Privacy::Export { about } => export(to, about).await,
        Privacy::Erase(args) => erase(to, args).await,
    }
}

async fn show(to: &Connection, about: About, format: ListFormat) -> Result<Exit, Failure> {
    let desk = Desk::open(to, about.call).await?;
    let request = pb::ShowPersonalDataRequest { registry_id: desk.registry_id(), subject: about.subject };
    let answer = desk.privacy().show_personal_data(desk.request(request)).await?.into_inner();
    let views = answer.records.into_iter().map(View::try_from).collect::<Result<Vec<_>, _>>()?;
    let headings = ["PLACE", "EVENT", "ERASABLE", "DATA"];
    if format == ListFormat::Json {
        output::json(&json!({ "subject": answer.subject, "records": views, "truncated": answer.truncated }))?;
    } else {
        output::list(format, ("records", None), &views, &headings, View::row)?;
    }
    if answer.truncated {
        output::note("there is more: `charter privacy export` writes all of it");
    }
    Ok(Exit::Ok)
}

async fn export(to: &Connection, about: About) -> Result<Exit, Failure> {
    let desk = Desk::open(to, about.call).await?;
    let request = pb::ExportPersonalDataRequest { registry_id: desk.registry_id(), subject: about.subject };
    let mut records = desk.privacy().export_personal_data(desk.request(request)).await?.into_inner();
    while let Some(answer) = records.message().await? {
        let record = answer.record.unwrap_or_default();
        if !output::json_line(&View::try_from(record)?)? {
            break;
        }
    }
    Ok(Exit::Ok)
}

async fn erase(to: &Connection, args: Erase) -> Result<Exit, Failure> {
    let change =
        Change::ErasePersonalData(pb::ErasePersonalData { subject: args.subject, basis: args.basis });
    propose::send(to, args.draft, args.why, change).await
}
