//! `charter procedure`: fair procedures, read and proposed step by step.

use charter_domain::procedure::Ruling;
use charter_proto::charter::registry::v1::{self as pb, open_procedure::Target, propose_request::Change};
use serde::Serialize;
use serde_json::json;

use crate::{
    args::{Call, Connection, CourtRuling, Hear, ListFormat, ListProcedures, OpenProcedure, Procedure},
    command::propose,
    desk::Desk,
    exit::{Exit, Failure},
    output,
};

#[derive(Serialize)]
struct View {
    procedure_id: i64,
    entity_id: String,
    target: String,
    target_id: String,
    intended_state: String,
    intended_reach: String,
    code: String,
    legal_basis: String,
    served_on: Option<String>,
    reply_by: Option<String>,
    state: String,
    replies_received_on: Vec<Option<String>>,
    closed_code: String,
    decision: Option<Decision>,
    next_deadline: Option<String>,
    next_deadline_kind: String,
}

#[derive(Serialize)]
struct Decision {
    seq: i64,
    state: String,
    code: String,
    legal_basis: String,
    effective_from: Option<String>,
    served_on: Option<String>,
    appeal: String,
    appeal_by: Option<String>,
    rulings: Vec<Said>,
}

#[derive(Serialize)]
struct Said {
    seq: i64,
    ruling: String,
    court: String,
    case_number: String,
    from: Option<String>,
}

impl From<pb::Procedure> for View {
    fn from(p: pb::Procedure) -> Self {
        Self {
            procedure_id: p.procedure_id,
            entity_id: p.entity_id,
            target: p.target,
            target_id: p.target_id,
            intended_state: p.intended_state,
            intended_reach: p.intended_reach,
            code: p.code,
            legal_basis: p.legal_basis,
            served_on: output::time(p.served_on),
            reply_by: output::time(p.reply_by),
            state: p.state,
            replies_received_on: p.replies_received_on.into_iter().map(|t| output::time(Some(t))).collect(),
            closed_code: p.closed_code,
            decision: p.decision.map(Decision::from),
            next_deadline: output::time(p.next_deadline),
            next_deadline_kind: p.next_deadline_kind,
        }
    }
}

impl From<pb::Decision> for Decision {
    fn from(d: pb::Decision) -> Self {
        let said = |r: pb::Ruling| Said {
            seq: r.seq,
            ruling: r.ruling,
            court: r.court,
            case_number: r.case_number,
            from: output::time(r.from),
        };
        Self {
            seq: d.seq,
            state: d.state,
            code: d.code,
            legal_basis: d.legal_basis,
            effective_from: output::time(d.effective_from),
            served_on: output::time(d.served_on),
            appeal: d.appeal,
            appeal_by: output::time(d.appeal_by),
            rulings: d.rulings.into_iter().map(said).collect(),
        }
    }
}

impl View {
    const HEADINGS: [&'static str; 6] = ["PROCEDURE", "ABOUT", "INTENT", "STATE", "NEXT DEADLINE", "KIND"];

    fn row(&self) -> Vec<String> {
        vec![
            self.procedure_id.to_string(),
            format!("{} {}", self.target, self.target_id),
            self.intended_state.clone(),
            self.state.clone(),
            self.next_deadline.clone().unwrap_or_default(),
            self.next_deadline_kind.clone(),
        ]
    }

    fn text(&self) -> String {
        let replies: Vec<_> = self.replies_received_on.iter().flatten().cloned().collect();
        let of = |part: fn(&Decision) -> String| self.decision.as_ref().map_or_else(String::new, part);
        let rulings = |d: &Decision| {
            let said = |r: &Said| {
                format!(
                    "{} by {} ({}) from {}",
                    r.ruling,
                    r.court,
                    r.case_number,
                    r.from.as_deref().unwrap_or("?")
                )
            };
            d.rulings.iter().map(said).collect::<Vec<_>>().join("; ")
        };
        output::fields([
            ("procedure", self.procedure_id.to_string()),
            ("about", format!("{} {}", self.target, self.target_id)),
            ("entity", self.entity_id.clone()),
            ("intent", format!("{}, {}", self.intended_state, self.intended_reach)),
            ("reason", self.code.clone()),
            ("legal basis", self.legal_basis.clone()),
            ("notice served", self.served_on.clone().unwrap_or_default()),
            ("reply by", self.reply_by.clone().unwrap_or_default()),
            ("replies", replies.join(", ")),
            ("closed because", self.closed_code.clone()),
            ("state", self.state.clone()),
            (
                "next deadline",
                self.next_deadline
                    .as_ref()
                    .map_or_else(String::new, |at| format!("{at} {}", self.next_deadline_kind)),
            ),
            ("decision", of(|d| format!("event {}: {}", d.seq, d.state))),
            ("in force from", of(|d| d.effective_from.clone().unwrap_or_default())),
            ("decision served", of(|d| d.served_on.clone().unwrap_or_default())),
            ("appeal", of(|d| d.appeal.clone())),
            ("appeal by", of(|d| d.appeal_by.clone().unwrap_or_default())),
            ("courts", self.decision.as_ref().map_or_else(String::new, rulings)),
        ])
    }
}

pub async fn run(to: &Connection, command: Procedure) -> Result<Exit, Failure> {
    match command {
        Procedure::List(args) => list(to, args).await,
        Procedure::Show { number, call, output } => show(to, number, call, output).await,
        Procedure::Open(args) => open(to, args).await,
        Procedure::Hear(args) => hear(to, args).await,
        Procedure::Close { number, reason, why, draft } => {
            let change = Change::CloseProcedure(pb::CloseProcedure { procedure_id: number, code: reason });
            propose::send(to, draft, why, change).await
        }
        Procedure::Stay(args) => rule(to, Ruling::Stayed, args).await,
        Procedure::LiftStay(args) => rule(to, Ruling::StayLifted, args).await,
        Procedure::Overturn(args) => rule(to, Ruling::Overturned, args).await,
    }
}

async fn show(to: &Connection, procedure_id: i64, call: Call, format: ListFormat) -> Result<Exit, Failure> {
    let desk = Desk::open(to, call).await?;
    let request = pb::GetProcedureRequest { registry_id: desk.registry_id(), procedure_id };
    let found = desk.procedures().get_procedure(desk.request(request)).await?.into_inner().procedure;
    let view = View::from(found.unwrap_or_default());
    let json = json!({ "procedure": view });
    output::one(format, &json, (&View::HEADINGS, view.row()), || view.text())?;
    Ok(Exit::Ok)
}

async fn list(to: &Connection, args: ListProcedures) -> Result<Exit, Failure> {
    let desk = Desk::open(to, args.call).await?;
    let entity_id = args.entity.map_or_else(String::new, Into::into);
    let (mut page_token, mut views) = (args.page_token, Vec::new());
    loop {
        let request = pb::ListProceduresRequest {
            registry_id: desk.registry_id(),
            entity_id: entity_id.clone(),
            page_size: args.page_size,
            page_token,
        };
        let page = desk.procedures().list_procedures(desk.request(request)).await?.into_inner();
        views.extend(page.procedures.into_iter().map(View::from));
        page_token = page.next_page_token;
        if page_token.is_empty() || !args.all {
            break;
        }
    }
    output::list(args.output, ("procedures", Some(&page_token)), &views, &View::HEADINGS, View::row)?;
    if !page_token.is_empty() {
        output::note(&format!("more: --all, or --page-token {page_token}"));
    }
    Ok(Exit::Ok)
}

async fn open(to: &Connection, args: OpenProcedure) -> Result<Exit, Failure> {
    let target = match (args.entity, args.accreditation, args.statement) {
        (Some(id), _, _) => Target::EntityId(id.into()),
        (_, Some(id), _) => Target::AccreditationId(id),
        (.., number) => Target::StatementId(number.unwrap_or_default()),
    };
    let change = Change::OpenProcedure(pb::OpenProcedure {
        target: Some(target),
        state: args.intent.code().to_owned(),
        reach: args.reach.map_or_else(String::new, |reach| reach.code().to_owned()),
        code: args.reason,
        legal_basis: args.legal_basis,
        served_on: args.served_on.map(output::timestamp),
        reply_by: Some(output::timestamp(args.reply_by)),
    });
    propose::send(to, args.draft, args.why, change).await
}

async fn hear(to: &Connection, args: Hear) -> Result<Exit, Failure> {
    let reply = propose::text(&args.reply)?;
    let change = Change::HearProcedure(pb::HearProcedure {
        procedure_id: args.number,
        received_on: args.received_on.map(output::timestamp),
        reply: reply.replace("\r\n", "\n"),
    });
    propose::send(to, args.draft, args.why, change).await
}

async fn rule(to: &Connection, ruling: Ruling, args: CourtRuling) -> Result<Exit, Failure> {
    let change = Change::CourtRuling(pb::CourtRuling {
        decision: args.decision,
        ruling: ruling.code().to_owned(),
        court: args.court,
        case_number: args.case_number,
        from: args.from.map(output::timestamp),
    });
    propose::send(to, args.draft, args.why, change).await
}
