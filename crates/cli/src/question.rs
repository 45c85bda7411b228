//! A question: parsed before it is sent, so that a fault in it is a fault of the command line; kept for the
//! verification of the answer, because a proof must be about what was asked.

use std::collections::HashMap;

use charter_domain::{
    Action, AuthorityId, Context, EntityId, EvidenceLevel, Kind, Query, Resource, Timestamp,
};
use charter_proto::charter::federation::v1 as pb;

use crate::{args, clock, connect::Server, exit::Failure, output};

pub struct Question {
    kind: Kind,
    pub authority: Option<AuthorityId>,
    entity: EntityId,
    action: Action,
    resource: Resource,
    context: Context,
    members: HashMap<String, String>,
    mode: pb::ResolveMode,
}

impl Question {
    pub fn parse(args: args::Question) -> Result<Self, Failure> {
        let mut members = HashMap::from([("evidence".to_owned(), "chain".to_owned())]);
        members.extend(args.context);
        if let Some(at) = args.at
            && members.insert("time".to_owned(), at.to_string()).is_some()
        {
            return Err(Failure::usage("--at and --context time=.. say the same; give one"));
        }
        Ok(Self {
            kind: if args.recognition { Kind::Recognition } else { Kind::Authorization },
            authority: args.authority.as_deref().map(AuthorityId::parse).transpose()?,
            entity: EntityId::parse(&args.entity)?,
            action: Action::parse(&args.action)?,
            resource: Resource::parse(&args.resource)?,
            context: Context::parse(members.iter().map(|(name, value)| (name.as_str(), value.as_str())))?,
            members,
            mode: pb::ResolveMode::Recurse,
        })
    }

    /// The same, asked to go this far.
    #[must_use]
    pub fn going(mut self, mode: args::Mode) -> Self {
        self.mode = match mode {
            args::Mode::Recurse => pb::ResolveMode::Recurse,
            args::Mode::Refer => pb::ResolveMode::Refer,
            args::Mode::CachedOnly => pb::ResolveMode::CachedOnly,
        };
        self
    }

    /// The same, asking for the evidence from the log beside the chain.
    #[must_use]
    pub fn with_log(mut self) -> Self {
        self.members.insert("evidence".to_owned(), "full".to_owned());
        self.context.evidence = EvidenceLevel::Full;
        self
    }

    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The instant that the question is about.
    pub fn at(&self) -> Timestamp {
        clock::at_or_now(self.context.time)
    }

    /// The question as the verifier takes it. Without an authority named, it is whoever decided: the chain says
    /// whether that one stands under a pinned anchor.
    pub fn query(&self, decided_by: AuthorityId) -> Query {
        Query {
            kind: self.kind,
            authority: self.authority.clone().unwrap_or(decided_by),
            entity: self.entity.clone(),
            action: self.action.clone(),
            resource: self.resource.clone(),
            context: self.context.clone(),
        }
    }

    pub async fn ask(&self, server: &Server) -> Result<pb::ResolveResponse, Failure> {
        let request = server.request(self.message(clock::at_or_now(None).plus(server.timeout)));
        Ok(server.federation().resolve(request).await?.into_inner())
    }

    fn message(&self, deadline: Timestamp) -> pb::ResolveRequest {
        let kind = match self.kind {
            Kind::Authorization => pb::QueryKind::Authorization,
            Kind::Recognition => pb::QueryKind::Recognition,
        };
        pb::ResolveRequest {
            kind: kind.into(),
            authority_id: self.authority.as_ref().map_or_else(String::new, ToString::to_string),
            entity_id: self.entity.to_string(),
            action: self.action.to_string(),
            resource: self.resource.to_string(),
            context: self.members.clone(),
            mode: self.mode.into(),
            deadline: Some(output::timestamp(deadline)),
            ..Default::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    fn args() -> args::Question {
        args::Question {
            entity: "did:web:a.example".to_owned(),
            action: "issue".to_owned(),
            resource: "Degree".to_owned(),
            authority: None,
            at: None,
            recognition: false,
            context: Vec::new(),
        }
    }

    #[test]
    fn a_question_asks_for_the_chain_and_carries_its_time() {
        let at = Timestamp::parse("2026-01-01T00:00:00Z").expect("valid");
        let question = Question::parse(args::Question { at: Some(at), ..args() }).expect("a question");
        let message = question.message(at);
        assert_eq!(message.context["evidence"], "chain");
        assert_eq!(message.context["time"], "2026-01-01T00:00:00Z");
        assert_eq!((message.registry_id.as_str(), message.authority_id.as_str()), ("", ""));
        assert_eq!((question.at(), message.mode()), (at, pb::ResolveMode::Recurse));
        let question = question.going(args::Mode::Refer);
        assert_eq!(question.message(at).mode(), pb::ResolveMode::Refer);
        assert_eq!(question.with_log().message(at).context["evidence"], "full");
    }

    #[test]
    fn a_faulty_question_is_a_fault_of_usage() {
        let exit = |args| Question::parse(args).err().map(|f| f.exit);
        assert_eq!(exit(args::Question { entity: "a b".to_owned(), ..args() }), Some(Exit::Usage));
        assert_eq!(exit(args::Question { authority: Some("x".to_owned()), ..args() }), Some(Exit::Usage));
        let twice = vec![("time".to_owned(), "2026-01-01T00:00:00Z".to_owned())];
        let at = Some(Timestamp::from_secs(0));
        assert_eq!(exit(args::Question { context: twice, at, ..args() }), Some(Exit::Usage));
    }
}
