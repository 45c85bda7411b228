//! `charter log audit-state`: what follows from the entries of a log, compared with what the registry answers.

use std::sync::Arc;

use charter_domain::{Kind, Query, Timestamp};
use charter_proto::charter::federation::v1 as pb;
use futures::StreamExt as _;
use serde::Serialize;

use crate::{
    answer::Answer,
    args::{AuditState, Connection, Format},
    clock,
    connect::Server,
    exit::{Exit, Failure},
    log::{
        Believed, Plan, Walk, bar,
        source::AT_ONCE,
        state::{Question, State, sample},
    },
    output,
};

/// Public: members are added, never renamed.
#[derive(Serialize)]
struct Report {
    origin: String,
    registry: String,
    /// Entries of the log, all verified; the answers are those as of this epoch.
    size: u64,
    at: Timestamp,
    asked: usize,
    agreeing: usize,
    differences: Vec<Difference>,
}

#[derive(Serialize)]
struct Difference {
    kind: Kind,
    entity_id: String,
    action: String,
    resource: String,
    /// Reason that follows from the log.
    expected: String,
    /// Reason, or error, that the registry gives.
    answered: String,
}

pub async fn run(to: &Connection, args: AuditState) -> Result<Exit, Failure> {
    let believed = Believed::open(to, &args.source).await?;
    let seen = believed.checkpoint(None).await?;
    let mut state = State::default();
    let mut take = |entries: Vec<Vec<u8>>| -> Result<(), Failure> {
        let mut all = entries.iter();
        all.try_for_each(|entry| state.take(entry))
            .map_err(|e| Failure::new(Exit::CannotVerify, format!("an event of the log: {e}")))
    };
    let bar = bar::entries(seen.size());
    let mut plan = Plan { mark: None, tiles: false, bar: &bar, sink: &mut take };
    let mut walk = Walk::default();
    walk.advance(&believed.source, seen.signed.checkpoint(), &mut plan).await?;
    bar.finish_and_clear();
    let registry = walk.end.map(|end| end.registry).unwrap_or_default();
    let report = Report {
        origin: seen.signed.checkpoint().origin().to_owned(),
        size: seen.size(),
        at: clock::at_or_now(None),
        asked: 0,
        agreeing: 0,
        differences: Vec::new(),
        registry,
    };
    let report = compare(to, state, report, &args).await?;
    print(&report, args.output)?;
    if report.differences.is_empty() {
        return Ok(Exit::Ok);
    }
    let text = format!("{} of {} answers differ from the log", report.differences.len(), report.asked);
    Err(Failure::new(Exit::CannotVerify, text))
}

/// Asks the registry, a few questions at the same time.
async fn compare(
    to: &Connection,
    state: State,
    report: Report,
    args: &AuditState,
) -> Result<Report, Failure> {
    let questions = state.questions();
    let count = if args.all { questions.len() } else { usize::try_from(args.sample).unwrap_or(usize::MAX) };
    let questions = sample(questions, count);
    let (asked, at) = (questions.len(), report.at);
    if asked == 0 {
        return Ok(report);
    }
    let (state, server) = (Arc::new(state), Server::connect(to).await?);
    let bar = bar::entries(u64::try_from(asked).unwrap_or(u64::MAX));
    let asks = questions.into_iter().map(|question| {
        let (state, server, bar, registry) = (Arc::clone(&state), &server, &bar, report.registry.as_str());
        async move {
            let query = state.query(&question, registry, at)?;
            let answered = ask(server, &query, state.epoch()).await;
            bar.inc(1);
            Ok::<_, Failure>(difference(question, &state.answer(&query, at), answered))
        }
    });
    let all: Vec<_> = futures::stream::iter(asks).buffered(AT_ONCE).collect().await;
    bar.finish_and_clear();
    let differences: Vec<Difference> =
        all.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
    Ok(Report { asked, agreeing: asked - differences.len(), differences, ..report })
}

/// The registry's own answer as of the epoch; an error in its place is told as it came.
async fn ask(server: &Server, query: &Query, epoch: i64) -> Result<Answer, Failure> {
    let kind = match query.kind {
        Kind::Authorization => pb::QueryKind::Authorization,
        Kind::Recognition => pb::QueryKind::Recognition,
    };
    let time = query.context.time.map(|time| ("time".to_owned(), time.to_string()));
    let known_at = Some(("known_at".to_owned(), epoch.to_string()));
    let request = pb::ResolveRequest {
        registry_id: query.authority.to_string(),
        kind: kind.into(),
        authority_id: query.authority.to_string(),
        entity_id: query.entity.to_string(),
        action: query.action.to_string(),
        resource: query.resource.to_string(),
        context: time.into_iter().chain(known_at).collect(),
        mode: pb::ResolveMode::Recurse.into(),
        deadline: Some(output::timestamp(clock::at_or_now(None).plus(server.timeout))),
        ..Default::default()
    };
    let reply = server.federation().resolve(server.request(request)).await?;
    Ok(Answer::read(reply.into_inner()))
}

fn difference(
    question: Question,
    expected: &charter_domain::Decision,
    answered: Result<Answer, Failure>,
) -> Option<Difference> {
    let answered = match answered {
        Ok(answer) if answer.reason == expected.reason.code() && answer.outcome == expected.outcome() => {
            return None;
        }
        Ok(answer) => answer.reason,
        Err(failure) => failure.message,
    };
    let expected = expected.reason.code().to_owned();
    let Question { kind, entity: entity_id, action, resource } = question;
    Some(Difference { kind, entity_id, action, resource, expected, answered })
}

fn print(report: &Report, format: Format) -> Result<(), Failure> {
    let text = match format {
        Format::Json => return output::json(report).map(drop),
        Format::Table => {
            let fields = output::fields([
                ("log", report.origin.clone()),
                ("registry", report.registry.clone()),
                ("entries", report.size.to_string()),
                ("asked", report.asked.to_string()),
                ("agreeing", report.agreeing.to_string()),
            ]);
            let headings = ["ENTITY", "ACTION", "RESOURCE", "LOG SAYS", "REGISTRY SAYS"];
            let row = |d: &Difference| {
                [&d.entity_id, &d.action, &d.resource, &d.expected, &d.answered].map(String::clone).to_vec()
            };
            if report.differences.is_empty() {
                fields
            } else {
                format!("{fields}\n\n{}", output::table(&headings, report.differences.iter().map(row)))
            }
        }
    };
    output::text(&text).map(drop)
}
