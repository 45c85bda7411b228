//! TRQP's questions: from the cache when plain, else resolved.

use charter_cache::{BootInstant, Lookup};
use charter_domain::{EvidenceLevel, Query, Reason, RegistryId};
use charter_federation::{Budget, Resolve, resolver::Request};

use crate::{
    App, Error,
    app::answer::{Reply, filled},
    error::{Code, code_of},
};

/// A question to one registry of this process.
#[derive(Debug, Clone)]
pub struct Asked {
    pub registry: RegistryId,
    pub query: Query,
    pub budget: Budget,
    pub local_only: bool,
}

pub fn lookup<'a>(registry: RegistryId, query: &'a Query) -> Lookup<'a> {
    Lookup {
        registry,
        kind: query.kind,
        authority: query.authority.as_str(),
        entity: query.entity.as_str(),
        action: query.action.as_str(),
        resource: query.resource.as_str(),
    }
}

/// Answers, with a decision whatever it is; errors are for questions that could not be processed.
pub async fn answer(app: &App, asked: Asked) -> Result<Reply, Error> {
    let deadline = asked.budget.deadline;
    let late = |_| Error::new(Code::DeadlineExceeded, "the deadline passed before an answer was found");
    tokio::time::timeout_at(deadline, answer_within(app, asked)).await.map_err(late)?
}

async fn answer_within(app: &App, asked: Asked) -> Result<Reply, Error> {
    let now = app.clock.now();
    // A question that has come back must not wait for the flight that sent it out: it is refused as a loop.
    let been_here = app
        .hosted
        .tenant(asked.registry)
        .is_some_and(|t| asked.budget.visited.contains(&t.registry.authority));
    let plain = asked.query.context.is_plain() && !asked.local_only && !been_here;
    let Asked { registry, mut query, budget, local_only } = asked;
    query.context.evidence = EvidenceLevel::Full;
    let key = query.clone();
    let fill = async || -> Result<_, Error> {
        let before = BootInstant::now();
        let request = Request { registry, query, budget, local_only };
        let answer = app.resolver.resolve(request).await?;
        Ok(filled(app, answer, before, app.clock.now()))
    };
    let lookup = lookup(registry, &key);
    let entry = if plain {
        app.answers.get_or_fill(&lookup, now, fill).await.map_err(cache_error)?
    } else {
        // With a time, an epoch or conditions the answer is of this question alone.
        app.answers.entry(&lookup, fill().await?)
    };
    Ok(Reply::new(app, entry, now))
}

fn cache_error(e: charter_cache::Error<Error>) -> Error {
    match e {
        charter_cache::Error::Overloaded => Error::new(Code::Unavailable, "too many questions at once"),
        charter_cache::Error::Fill(source) => (*source).clone(),
    }
}

/// What the TRQP doors make of a decision: unknown terms and cannot-tell are errors there, every other negative is
/// a false.
pub fn trqp_error(app: &App, reply: &Reply) -> Option<Error> {
    let unknown_is_false = app.config.answers.unknown == crate::config::Unknown::False;
    let code = code_of(reply.reason).filter(|_| !(reply.reason.is_unknown() && unknown_is_false))?;
    let field = match reply.reason {
        Reason::UnknownAuthority => Some("authority_id"),
        Reason::UnknownEntity => Some("entity_id"),
        Reason::UnknownAction => Some("action"),
        Reason::UnknownResource => Some("resource"),
        _ => None,
    };
    Some(Error { code, detail: reply.message(), field: field.map(str::to_owned) })
}
